"""Who holds what, now and at any earlier position."""
