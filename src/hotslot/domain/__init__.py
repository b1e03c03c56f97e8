"""What can happen and what is allowed. Pure: no I/O, no clock, no framework."""
