"""Leases: what a deployment may do for the next minute, signed, and never two at once."""
