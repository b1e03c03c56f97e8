"""The auditor's own program: one file, `verify.py`, that needs nothing of Hotslot."""
