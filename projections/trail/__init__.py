"""The audit trail: one entry an event, in ledger order."""
