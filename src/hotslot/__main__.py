"""`python -m hotslot` is the `hotslot` command."""

from hotslot.cli.main import run

if __name__ == "__main__":
    run()
