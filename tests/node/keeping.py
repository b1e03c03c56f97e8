"""A lease keeper with everything around it in the hands of a test."""

from pathlib import Path

from hotslot.node.lease_keeper import LeaseKeeper
from hotslot.node.memory import Memory
from hotslot.node.trusted_keys import TrustedKeys
from tests.node.fake_clock import FakeClock
from tests.node.stub_backend import StubBackend

DEPLOYMENT = "MSCL-a"


class Keeping:
    """One data directory, and the keepers that one process after another has on it."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.backend = StubBackend()
        self.clock = FakeClock()
        self.keeper = self.start()

    def start(self, **changed) -> LeaseKeeper:
        """As a new process does: nothing but the files is left of the one before."""
        self.memory = Memory(self.folder / "memory.json")
        self.keeper = LeaseKeeper(
            changed.get("deployment", DEPLOYMENT),
            self.backend,
            TrustedKeys(None, self.folder / "trusted-keys"),
            self.memory,
            self.clock,
            chance=lambda low, high: (low + high) / 2,
        )
        return self.keeper

    def may_process(self) -> bool:
        return self.keeper.may("process")
