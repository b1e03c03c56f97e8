"""The auditor's own program, which needs nothing of Hotslot: `verify.py` is what it verifies."""
