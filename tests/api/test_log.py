"""The log over HTTP: checkpoints that anyone may have, and tiles of what was signed."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest

from hotslot.checkpoints import store
from hotslot.checkpoints.note import Checkpoint, Note, Verifier
from hotslot.licensefiles import KeyFolder
from projections.proofs.merkle import HASH_BYTES, Frontier, leaf_hash, subtree_hash
from projections.proofs.tiles import TILE_WIDTH, tile_path, widths
from tests.api.calls import Caller, done, eventually, problem
from tests.command_line import Hotslot
from tests.projections.history import History
from tests.serving import Server, serving

BEFORE = 2 * TILE_WIDTH + 30
"""So many events there are before the server starts: two full tiles, and one that is not."""

NEVER_CHANGES = "private, max-age=31536000, immutable"


class Signing(NamedTuple):
    """A server with a key of its own."""

    server: Server
    dsn: str
    keys: Path
    log: Path
    api: Caller

    def checkpoint(self, **asked: int) -> Checkpoint:
        """A checkpoint, verified with the key that the server shows."""
        answer = self.api.http.get("/v1/log/checkpoint", params=asked)
        assert answer.status_code == 200, answer.text
        note = Note.parse(answer.content)
        verifiers = self.verifiers()
        assert verifiers[0] in note.verify([*verifiers, *(each.cosigner for each in verifiers)])
        return Checkpoint.parse(note.body)

    def verifiers(self) -> list[Verifier]:
        answer = self.api.http.get("/v1/log/key")
        assert answer.status_code == 200, answer.text
        return [Verifier.parse(line) for line in answer.text.splitlines()]

    def covering(self, position: int) -> Checkpoint:
        """The first checkpoint that is over an event, once it is there."""
        asked = {"at_least": position}
        eventually(lambda: self.api.http.get("/v1/log/checkpoint", params=asked).is_success)
        return self.checkpoint(at_least=position)

    def tile(self, path: str) -> bytes:
        answer = self.api.http.get(f"/v1/log/{path}")
        assert answer.status_code == 200, (path, answer.text)
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["cache-control"] == NEVER_CHANGES
        return answer.content


@pytest.fixture(scope="module")
def signing(
    new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Signing]:
    dsn, folder = new_database(), tmp_path_factory.mktemp("signing")
    history = History()
    for number in range(BEFORE):
        history.issue(f"license-{number}", customer="globex" if number % 2 else "acme")
    history.write(dsn)
    keys, log = folder / "log-keys", folder / "server.log"
    with (
        serving(dsn, log=log, HOTSLOT_LOG_KEYS=str(keys)) as server,  # type: ignore[arg-type]
        server.client() as http,
    ):
        signing = Signing(server, dsn, keys, log, Caller(http))
        signing.covering(BEFORE + 1)  # the admin key came last
        yield signing


def hashes_in(tile: bytes) -> list[bytes]:
    assert len(tile) % HASH_BYTES == 0
    return [tile[at : at + HASH_BYTES] for at in range(0, len(tile), HASH_BYTES)]


def entries_in(tile: bytes) -> list[bytes]:
    entries = []
    while tile:
        length = int.from_bytes(tile[:2])
        entries.append(tile[2 : 2 + length])
        assert len(entries[-1]) == length
        tile = tile[2 + length :]
    return entries


def paths(level: Any, size: int) -> list[str]:
    """All tiles of a level."""
    full, partial = widths(0 if level == "entries" else level, size)
    last = [tile_path(level, full, partial)] if partial else []
    return [*(tile_path(level, index) for index in range(full)), *last]


def test_anyone_may_have_checkpoints_and_keys(signing: Signing):
    with signing.server.client(None) as nobody:
        for path in ("/v1/log/checkpoint", "/v1/log/key"):
            answer = nobody.get(path)
            assert answer.status_code == 200
            assert answer.headers["content-type"] == "text/plain; charset=utf-8"
            assert answer.headers["cache-control"] == "no-store"


def test_the_log_is_named_after_its_ledger(signing: Signing):
    with psycopg.connect(signing.dsn) as connection:
        (ledger,) = connection.execute(store.LEDGER).fetchone() or ("",)
    assert signing.checkpoint().origin == f"hotslot/{ledger}"


def test_soon_after_an_event_there_is_a_checkpoint_over_it(signing: Signing):
    before = signing.checkpoint()
    signing.api.issued()
    head = signing.api.head()
    assert head > before.size
    assert signing.covering(head).size >= head
    # The earlier one is still to be had.
    assert signing.checkpoint(at_least=before.size) == before


def test_a_size_that_is_not_signed_yet(signing: Signing):
    answer = signing.api.http.get("/v1/log/checkpoint", params={"at_least": 10**9})
    assert "1000000000 entries" in problem(answer, 404, "no-checkpoint")["detail"]


@pytest.mark.parametrize("size", ["0", "-1", "x", "", "1.5", str(2**63), "1&at_least=2"])
def test_a_size_that_is_none(signing: Signing, size: str):
    answer = signing.api.http.get(f"/v1/log/checkpoint?at_least={size}")
    problem(answer, 422, "invalid-input")


def test_tiles_make_up_the_root(signing: Signing):
    signed = signing.checkpoint()
    leaves = [hash_ for path in paths(0, signed.size) for hash_ in hashes_in(signing.tile(path))]
    entries = [
        entry for path in paths("entries", signed.size) for entry in entries_in(signing.tile(path))
    ]
    assert [leaf_hash(entry) for entry in entries] == leaves
    tree = Frontier()
    for hash_ in leaves:
        tree.append(hash_)
    assert (tree.size, tree.root()) == (signed.size, signed.root)
    (path,) = paths(1, signed.size)
    full = [leaves[:TILE_WIDTH], leaves[TILE_WIDTH : 2 * TILE_WIDTH]]
    assert hashes_in(signing.tile(path)) == [subtree_hash(each) for each in full]
    assert paths(2, signed.size) == []


def test_an_entry_is_the_line_that_is_stored(signing: Signing):
    (first,) = entries_in(signing.tile("tile/entries/000.p/1"))
    with psycopg.connect(signing.dsn) as connection:
        (state,) = connection.execute(
            "SELECT state::text FROM ledger.events WHERE position = 1"
        ).fetchone() or ("",)
    assert first.decode() == (
        '{"position":1,"stream":"license:license-0","version":1,"type":"license.issued",'
        f'"event":{state}}}'
    )


@pytest.mark.parametrize("level", ["0", "entries"])
def test_partial_tiles_are_the_beginnings_of_full_ones(signing: Signing, level: str):
    full = signing.tile(f"tile/{level}/001")
    for width in (1, 2, 100, 255):
        part = signing.tile(f"tile/{level}/001.p/{width}")
        assert full.startswith(part)
        assert len(entries_in(part) if level == "entries" else hashes_in(part)) == width
    full_tiles, partial = widths(0, signing.checkpoint().size)
    assert len(hashes_in(signing.tile(f"tile/0/{full_tiles:03}.p/{partial}"))) == partial


# What there is not, and what is written in another way than the one there is.
NO_TILES = [
    "0/002",
    "0/002.p/255",
    "0/003.p/1",
    "0/x001/000",
    "0/x001/x234/067",
    "0/x999/x999/x999/x999/x999/999",
    "1/000",
    "1/000.p/3",
    "2/000.p/1",
    "63/000.p/1",
    "64/000.p/1",
    "00/000",
    "-1/000",
    "+0/000",
    "x/000",
    "%D9%A0/000",
    "Entries/000",
    "entries/002",
    "0/0",
    "0/00",
    "0/0000",
    "0/x000",
    "0/x000/000",
    "0/000/000",
    "0/X001/000",
    "0/-01",
    "0/%D9%A0%D9%A0%D9%A0",
    "0/000.p",
    "0/000.p/",
    "0/000.p/0",
    "0/000.p/01",
    "0/000.p/-1",
    "0/000.p/256",
    "0/000.p/257",
    "0/000.p/1000",
    "0/000.p/1/",
    "0/000.P/1",
    "0/000/.p/1",
    "0/000/",
    "0//000",
    "0/%20000",
    "0/000%0A",
    "entries/000.p/256",
    "entries/0",
    "entries/x000/000.p/1",
    "entries/",
    "0/",
]


@pytest.mark.parametrize("path", NO_TILES)
def test_what_is_no_tile(signing: Signing, path: str):
    head = signing.api.head()
    answer = signing.api.http.get(f"/v1/log/tile/{path}")
    problem(answer, 404, "not-found")
    assert "cache-control" not in answer.headers
    assert signing.api.head() == head


def test_tiles_end_where_the_checkpoint_ends(signing: Signing):
    """Though the tree may be ahead of it."""
    with psycopg.connect(signing.dsn) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(7305816410938444)")
        signing.api.issued()
        head, signed = signing.api.head(), signing.checkpoint()
        assert signed.size < head
        full, partial = widths(0, signed.size)
        eventually(lambda: log_size(signing) >= head)
        for level in ("0", "entries"):
            signing.tile(f"tile/{level}/{full:03}.p/{partial}")
            path = f"/v1/log/tile/{level}/{full:03}.p/{partial + 1}"
            problem(signing.api.http.get(path), 404, "not-found")
    signing.covering(head)


def log_size(signing: Signing) -> float:
    return metric(signing, "hotslot_log_size")


def metric(signing: Signing, name: str) -> float:
    for line in signing.api.http.get("/metrics").text.splitlines():
        if line.startswith(f"{name} "):
            return float(line.split()[1])
    raise AssertionError(f"There is no {name}.")


def test_a_key_that_is_limited_to_a_customer_gets_no_tiles(signing: Signing):
    made = done(signing.api.key("auditor", customer="acme"), 201)
    with signing.server.client(made["key"]) as http:
        for path in ("tile/0/000", "tile/entries/000"):
            told = problem(http.get(f"/v1/log/{path}"), 403, "forbidden")
            assert "one customer" in told["detail"]


def test_reading_entries_is_recorded_and_reading_hashes_is_not(signing: Signing):
    made = done(signing.api.key("auditor"), 201)

    def noted() -> list[Any]:
        entries = signing.api.trail(type="audit.exported")
        return [each["data"] for each in entries if each["data"]["key"] == made["id"]]

    with signing.server.client(made["key"]) as http:
        assert http.get("/v1/log/tile/0/000").status_code == 200
        assert noted() == []
        for _ in range(2):
            assert http.get("/v1/log/tile/entries/000").status_code == 200
    (exported,) = noted()
    assert exported["via"] == "entries"


def test_the_metrics_of_the_log(signing: Signing):
    signing.api.issued()
    head = signing.api.head()
    signing.covering(head)
    eventually(lambda: metric(signing, "hotslot_log_checkpoint_size") >= head)
    assert metric(signing, "hotslot_log_size") >= head
    assert metric(signing, "hotslot_log_checkpoint_age_seconds") >= 0
    assert metric(signing, "hotslot_log_contradictions_total") == 0


def test_the_key_is_shown_at_the_start_and_by_the_command(signing: Signing, hotslot: Hotslot):
    (verifier,) = signing.verifiers()
    shown = hotslot("audit", "key", "--url", signing.server.url)
    assert (shown.status, shown.out) == (0, f"{verifier}\n")


def test_another_server_on_the_ledger_needs_the_same_key(
    signing: Signing, hotslot: Hotslot, tmp_path: Path
):
    (verifier,) = signing.verifiers()
    settings = {
        "HOTSLOT_DATABASE_URL": signing.dsn,
        "HOTSLOT_LOG_KEYS": str(tmp_path / "elsewhere"),
        "HOTSLOT_PORT": "0",
    }
    ended = hotslot("serve", **settings)
    assert ended.status == 1
    assert ended.err.startswith("The server can't run. HOTSLOT_LOG_KEYS: There is no private key")
    assert str(verifier) in ended.err
    assert not (tmp_path / "elsewhere").exists()
    with serving(signing.dsn, HOTSLOT_LOG_KEYS=str(signing.keys)) as other, other.client() as http:
        assert http.get("/v1/log/key").text == f"{verifier}\n"
        head = Caller(http).head()
        eventually(lambda: f"\n{head}\n" in http.get("/v1/log/checkpoint").text)


# The last ones, since they leave the server another: keys are read at each use.


def test_keys_that_cannot_be_read(signing: Signing):
    (file,) = signing.keys.iterdir()
    file.chmod(0o644)
    told = problem(signing.api.http.get("/v1/log/key"), 503, "log-keys-unreadable")
    assert str(signing.keys) not in str(told)
    file.chmod(0o600)
    assert len(signing.verifiers()) == 1


def test_a_key_that_was_rotated_signs_without_a_restart(signing: Signing):
    (former,) = signing.verifiers()
    made = KeyFolder(signing.keys).generate(datetime.now(UTC))
    present = Verifier.of_pem(former.name, made.pem)
    assert signing.verifiers() == [present, former]

    def signed_by_it() -> bool:
        note = Note.parse(signing.api.http.get("/v1/log/checkpoint").content)
        return set(note.verify([present, former])) == {present}

    signing.api.issued()
    eventually(signed_by_it)
    eventually(lambda: "log-key-changed" in signing.log.read_text())
