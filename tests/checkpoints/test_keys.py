"""The log's key: made once for a ledger, and missed when it is gone."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from hotslot.checkpoints import store
from hotslot.checkpoints.keys import LogKeyError, LogKeys, ensure_key
from hotslot.checkpoints.note import Verifier
from hotslot.licensefiles import KeyFolder
from tests.checkpoints.signing import Log, checkpoints, look
from tests.projections.test_slots_reads import read


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where keys are to be."""
    return tmp_path / "keys"


def test_the_first_key_is_made_and_told_once(dsn: str, folder: Path):
    made = ensure_key(dsn, folder, None)
    assert made is not None
    assert made.name == f"hotslot/{read(dsn, store.ledger)}"
    (file,) = folder.iterdir()
    assert (file.stat().st_mode & 0o777, folder.stat().st_mode & 0o777) == (0o600, 0o700)
    assert ensure_key(dsn, folder, None) is None
    assert asyncio.run(LogKeys(folder).verifiers(made.name)) == [made]


def test_it_has_the_origin_for_its_name(dsn: str, folder: Path):
    made = ensure_key(dsn, folder, "licenses.example.com/v1/log")
    assert made is not None
    assert made.name == "licenses.example.com/v1/log"


def test_servers_that_start_together_make_one_key(dsn: str, folder: Path):
    with ThreadPoolExecutor(6) as threads:
        made = list(threads.map(lambda _: ensure_key(dsn, folder, None), range(6)))
    assert len(list(folder.iterdir())) == 1
    assert len([each for each in made if each is not None]) == 1


def test_a_key_that_is_there_is_used(log: Log):
    with capture_logs() as said:
        assert ensure_key(log.dsn, log.folder, None) is None
    assert said == []


def lost(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()


def only_public(folder: Path) -> None:
    (listed,) = KeyFolder(folder).read().listed
    (file,) = folder.iterdir()
    file.write_text(listed.pem)


def revoked(folder: Path) -> None:
    (listed,) = KeyFolder(folder).read().listed
    KeyFolder(folder).revoke(listed.id)


@pytest.mark.parametrize("lose", [lost, only_public, revoked])
def test_a_lost_key_is_never_replaced_unasked(log: Log, lose: Callable[[Path], None]):
    asyncio.run(look(log.dsn, log.keys))
    (signed,) = checkpoints(log.dsn)
    lose(log.folder)
    before = sorted(log.folder.iterdir()) if log.folder.exists() else None
    with pytest.raises(LogKeyError) as raised:
        ensure_key(log.dsn, log.folder, None)
    told = str(raised.value)
    assert signed.key in told
    assert f"generate-signing --signing-keys {log.folder}" in told
    assert before == (sorted(log.folder.iterdir()) if log.folder.exists() else None)
    # What it says to do helps.
    KeyFolder(log.folder).generate(datetime.now(UTC))
    with capture_logs() as said:
        assert ensure_key(log.dsn, log.folder, None) is None
    (warning,) = said
    assert (warning["event"], warning["former"]) == ("log-key-changed", signed.key)
    assert warning["present"] != signed.key


def test_another_name_is_another_key_to_auditors(log: Log):
    asyncio.run(look(log.dsn, log.keys))
    with capture_logs() as said:
        ensure_key(log.dsn, log.folder, "licenses.example.com/v1/log")
    (warning,) = said
    assert warning["present"].startswith("licenses.example.com/v1/log+")


def test_a_place_where_no_key_can_be_made(dsn: str, tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LogKeyError) as raised:
        ensure_key(dsn, tmp_path / "file" / "keys", None)
    assert str(tmp_path / "file" / "keys") in str(raised.value)


def test_a_key_that_others_may_read_is_refused(log: Log):
    (file,) = log.folder.iterdir()
    file.chmod(0o644)
    with pytest.raises(LogKeyError, match="chmod 600"):
        ensure_key(log.dsn, log.folder, None)


def test_keys_are_listed_newest_first_without_the_revoked(log: Log):
    folder = KeyFolder(log.folder)
    (first,) = folder.read().listed
    second = folder.generate(datetime.now(UTC))
    third = folder.generate(datetime.now(UTC))
    folder.revoke(second.id)
    shown = asyncio.run(log.keys.verifiers("log"))
    assert shown == [Verifier.of_pem("log", third.pem), Verifier.of_pem("log", first.pem)]


def test_without_a_folder_there_are_no_keys():
    with pytest.raises(LogKeyError):
        asyncio.run(LogKeys().signing())
