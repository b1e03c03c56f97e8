"""The channels on which processes notify each other through PostgreSQL.

What is notified is a hint that something can be read, and may be lost; nothing rests on it.
"""

LEDGER_CHANNEL = "hotslot_ledger"
"""Notified by the ledger itself, in schema.sql, with the last position of what was appended."""

PROJECTIONS_CHANNEL = "hotslot_projections"
"""Notified with `name:position` whenever a projection has moved on."""

WANTED_CHANNEL = "hotslot_wanted"
"""Notified with a position when a read waits for the projections to reach it."""
