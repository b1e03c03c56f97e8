"""The read side: one folder a read model, built from the ledger's events and nothing else."""
