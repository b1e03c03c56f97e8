"""A ledger that was recorded, signed and exported before anybody laid hands on it, and copies."""

import asyncio
import copy
import itertools
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
import uvicorn
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg_pool import AsyncConnectionPool

from hotslot.api.app import create_app
from hotslot.api.keyring import digest
from hotslot.checkpoints.keys import LogKeys, ensure_key
from hotslot.checkpoints.note import Checkpoint
from hotslot.checkpoints.signer import Signer
from hotslot.checkpoints.store import TRY_LOCK
from hotslot.cli.listening import address, listening
from hotslot.domain.events import KeyCreated
from hotslot.domain.keys import KeyRole
from hotslot.ledger.leaf import leaf
from projections.proofs.merkle import Frontier, leaf_hash
from projections.reading import configure
from tests.command_line import Ended, Hotslot
from tests.projections.conftest import follow, until
from tests.projections.history import History
from tests.serving import ADMIN_KEY

ORIGIN = "licenses.example/log"
ROWS = """
SELECT position, stream, version, type, convert_to(state::text, 'UTF8')
  FROM ledger.events WHERE position <= %s ORDER BY position
"""
_numbers = itertools.count(1)


@dataclass
class World:
    """A database, the keys of its log, and what an auditor took home of it in time."""

    dsn: str
    history: History
    keys: Path
    home: Path
    hotslot: Hotslot
    hotslot_verify: Hotslot
    verifier: str = ""
    """The key that the auditor was given, by another way."""

    def record(self, work: Callable[[History], None]) -> None:
        """Have something recorded and signed, as the server does it."""
        work(self.history)
        position = self.history.write(self.dsn)
        self.sign(position)

    def sign(self, position: int = 0) -> None:
        """Bring the projections up to a position, and sign the tree."""
        with follow(self.dsn, position):
            asyncio.run(_sign(self.dsn, self.keys))

    @property
    def events(self) -> int:
        """How many there are in the ledger."""
        with psycopg.connect(self.dsn) as connection:
            (events,) = connection.execute("SELECT count(*) FROM ledger.events").fetchone() or (0,)
        return int(events)

    def checkpoint(self, size: int) -> Checkpoint:
        """What there is to sign over the ledger's first events, as they are now."""
        tree = Frontier()
        with psycopg.connect(self.dsn) as connection:
            for row in connection.execute(ROWS, (size,)):
                tree.append(leaf_hash(leaf(*row)))
        return Checkpoint(ORIGIN, size, tree.root())

    def copied(self) -> "World":
        """A copy that can be changed."""
        name = f"tampered_{next(_numbers)}"
        original = conninfo_to_dict(self.dsn)["dbname"]
        self._outside(f'CREATE DATABASE "{name}" TEMPLATE "{original}"')
        home, keys = self.home.with_name(name), self.home.with_name(f"{name}-keys")
        shutil.copytree(self.home, home)
        shutil.copytree(self.keys, keys)
        return replace(
            self,
            dsn=make_conninfo(self.dsn, dbname=name),
            history=copy.deepcopy(self.history),
            home=home,
            keys=keys,
        )

    def drop(self) -> None:
        """Delete the database."""
        self._outside(f'DROP DATABASE "{conninfo_to_dict(self.dsn)["dbname"]}" WITH (FORCE)')

    def _outside(self, statement: str) -> None:
        elsewhere = make_conninfo(self.dsn, dbname="postgres")
        with psycopg.connect(elsewhere, autocommit=True) as connection:
            connection.execute(statement)

    def execute(self, *statements: str) -> None:
        """Do what only a superuser can: no trigger is in the way."""
        with psycopg.connect(self.dsn) as connection:
            connection.execute("SET session_replication_role = replica")
            for statement in statements:
                connection.execute(statement)

    def rebuild(self, *projections: str) -> None:
        """Have projections built anew over whatever the ledger is now."""
        for name in projections:
            ended = self.hotslot("projections", "rebuild", name, HOTSLOT_DATABASE_URL=self.dsn)
            assert ended.status == 0, ended.err

    def audit_verify(self, *options: str, as_json: bool = True) -> "Report":
        """What the operator's own check says of the database."""
        ended = self.hotslot(
            "audit",
            "verify",
            *(["--json"] if as_json else []),
            *options,
            HOTSLOT_DATABASE_URL=self.dsn,
            HOTSLOT_LOG_KEYS=str(self.keys),
        )
        return Report(ended)

    def verify(self, source: str, *, remembers: bool = False) -> "Report":
        """What the auditor's program says of a server or an export."""
        last = ["--last", str(self.home / "last")] if remembers else []
        arguments = [source, "--key", self.verifier, "--json", *last]
        return Report(self.hotslot_verify(*arguments, HOTSLOT_KEY=ADMIN_KEY))

    def export(self, url: str, to: str, *options: str) -> Ended:
        """Export from a server, into a folder that may have an earlier export."""
        arguments = ["audit", "export", str(self.home / to), *options]
        return self.hotslot(*arguments, HOTSLOT_URL=url, HOTSLOT_KEY=ADMIN_KEY)

    @contextmanager
    def served(self) -> Iterator[str]:
        """A server on the database that neither follows nor signs: what is there stays."""
        app = create_app(self.dsn, None, LogKeys(self.keys, ORIGIN))
        with psycopg.connect(self.dsn) as signer, listening("127.0.0.1", 0) as listener:
            assert signer.execute(TRY_LOCK).fetchone() == (True,)
            server = uvicorn.Server(uvicorn.Config(app, log_config=None, ws="none"))
            thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
            thread.start()
            try:
                until(lambda: server.started)
                yield address("127.0.0.1", listener)
            finally:
                server.should_exit = True
                thread.join()


@dataclass
class Report:
    """What a verifying command said, as it says it to programs."""

    ended: Ended

    @property
    def status(self) -> int:
        return self.ended.status

    @property
    def said(self) -> Any:
        return json.loads(self.ended.out)


def first_history(history: History) -> None:
    """Enough that the tree has two levels of tiles, and an API key to read it all with."""
    history.record(
        KeyCreated(
            key="admin",
            role=KeyRole.ADMIN,
            customer=None,
            deployment=None,
            sha256=digest(ADMIN_KEY),
        )
    )
    for number in range(45):
        name = f"license-{number}"
        history.issue(name, slots=1)
        history.activate(f"a{number}", name)
        history.register(f"b{number}", name, standby_for=f"a{number}")
        history.nominate(f"b{number}")


def more_history(history: History) -> None:
    """A little more, which is signed apart from the first."""
    for number in range(5):
        history.deactivate(f"b{number}")


async def _sign(dsn: str, keys: Path) -> None:
    pool = AsyncConnectionPool(dsn, min_size=1, max_size=2, configure=configure, open=False)
    async with pool:
        await Signer(pool, LogKeys(keys, ORIGIN), growing=0).look()


class Worlds:
    """The world when its first checkpoint was signed, and as it is now; copies for one test."""

    def __init__(self, early: World, now: World) -> None:
        self._early = early
        self._now = now
        self._copies: list[World] = []

    @classmethod
    def made(cls, dsn: str, folder: Path, hotslot: Hotslot, hotslot_verify: Hotslot) -> "Worlds":
        """Make both, and have an auditor export the present one and remember its checkpoint."""
        home = folder / "home"
        home.mkdir()
        early = World(dsn, History(), folder / "keys", home, hotslot, hotslot_verify)
        early.verifier = str(ensure_key(dsn, early.keys, ORIGIN))
        early.record(first_history)
        now = early.copied()
        now.record(more_history)
        # Reading all of it is recorded too: in a copy, so that the ledger stays as it is.
        seen = now.copied()
        with seen.served() as url:
            assert seen.export(url, "before").status == 0
            assert seen.verify(url, remembers=True).status == 0
        seen.drop()
        now.home = early.home = seen.home
        return cls(early, now)

    def run_by(self, hotslot: Hotslot, hotslot_verify: Hotslot) -> "Worlds":
        """The same, for a test that runs commands by these."""
        worlds = (self._early, self._now)
        return Worlds(
            *(replace(each, hotslot=hotslot, hotslot_verify=hotslot_verify) for each in worlds)
        )

    def early(self) -> World:
        """A copy of the world when its first checkpoint was signed."""
        return self._copy(self._early)

    def now(self) -> World:
        """A copy of the world as it is."""
        return self._copy(self._now)

    def drop(self) -> None:
        """Delete the copies' databases: there are many."""
        for copied in self._copies:
            copied.drop()

    def _copy(self, original: World) -> World:
        self._copies.append(original.copied())
        return self._copies[-1]
