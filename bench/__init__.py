"""Benchmarks: what Hotslot costs, as ratios to peers that are measured side by side with it."""
