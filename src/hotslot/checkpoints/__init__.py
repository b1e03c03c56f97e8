"""Checkpoints: signed statements of how much the ledger holds, for whoever need not trust us."""
