"""The Merkle tree over the ledger: what proves that the record is complete and unchanged."""
