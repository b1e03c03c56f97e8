"""License files and the keys that sign them."""
