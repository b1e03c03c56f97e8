"""`python -m hotslot_verify`."""

from hotslot_verify.verify import run

run()
