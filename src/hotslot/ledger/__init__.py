"""The event store: one PostgreSQL table of events in one order, and what reads and writes it."""
