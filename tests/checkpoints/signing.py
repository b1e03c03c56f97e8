"""A ledger that grows, its tree, and signers as serving processes have them."""

import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import class_row
from psycopg_pool import AsyncConnectionPool

from hotslot.checkpoints.keys import LogKeys
from hotslot.checkpoints.signer import Signer
from hotslot.checkpoints.store import COLUMNS, Stored
from hotslot.ledger.recorder import LedgerRecorder
from hotslot.licensefiles import KeyFolder
from projections.positions import advance
from projections.proofs.projection import ProofsProjection
from projections.reading import configure
from projections.source import events_after
from tests.projections.history import History

PROOFS = ProofsProjection()
SIZE = 300
"""More than a tile."""


class Log(NamedTuple):
    """A ledger, its tree, and the folder of its keys."""

    dsn: str
    history: History
    keys: LogKeys
    folder: Path

    def grow(self, by: int = 1) -> int:
        """Have more events recorded, and carried into the tree; returns how many there are."""
        size = self.history.position + by
        while self.history.position < size:
            self.history.issue(f"license-{self.history.position}")
        self.history.write(self.dsn)
        fold(self.dsn, size)
        return size


def log_at(dsn: str, path: Path) -> Log:
    """SIZE events, a key, and nothing signed yet."""
    folder = path / "log-keys"
    KeyFolder(folder).generate(datetime.now(UTC))
    log = Log(dsn, History(), LogKeys(folder), folder)
    log.grow(SIZE)
    return log


def fold(dsn: str, size: int) -> None:
    """Carry the ledger's events into the tree, up to a size."""
    recorder = LedgerRecorder(dsn)
    with psycopg.connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute("SET search_path TO proofs")
        (reached,) = cursor.execute(
            "SELECT position FROM projections.positions WHERE name = 'proofs'"
        ).fetchone() or (0,)
        batch = events_after(recorder, reached)[: size - reached]
        PROOFS.apply(cursor, batch)
        advance(cursor, PROOFS, batch[-1].position)
    recorder.close()


def checkpoints(dsn: str) -> list[Stored]:
    """All that were signed, in order."""
    with psycopg.connect(dsn) as connection, connection.cursor(row_factory=class_row(Stored)) as c:
        return c.execute(f"{COLUMNS} ORDER BY number").fetchall()


@contextlib.asynccontextmanager
async def signing(
    dsn: str,
    keys: LogKeys,
    *,
    growing: float = 0.0,
    idle: float = 3600.0,
    contradicted: Callable[[], None] = lambda: None,
) -> AsyncIterator[Signer]:
    """A signer with connections of its own, which looks when it is told to."""
    async with AsyncConnectionPool[Any](
        dsn, min_size=1, max_size=2, open=False, configure=configure
    ) as pool:
        yield Signer(pool, keys, growing=growing, idle=idle, contradicted=contradicted)


async def look(dsn: str, keys: LogKeys, **settings: Any) -> float:
    """Have a new process look once."""
    async with signing(dsn, keys, **settings) as signer:
        return await signer.look()
