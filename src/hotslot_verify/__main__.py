"""`python -m hotslot_verify`."""

from hotslot_verify.program import run

if __name__ == "__main__":
    run()
