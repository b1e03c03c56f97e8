"""Proofs over HTTP: each is verified here as an auditor would, with the strict verifiers."""

import base64
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import httpx
import psycopg
import pytest

from hotslot.checkpoints.note import Checkpoint, Note, Verifier
from hotslot_verify.receipt import verify_receipt
from hotslot_verify.verify import read_key
from projections.proofs.merkle import Frontier, leaf_hash, verify_consistency, verify_inclusion
from tests.api.calls import Caller, done, eventually, problem
from tests.projections.history import History
from tests.serving import Server, serving

BEFORE = 300
TLOG_PROOF = "text/x-tlog-proof"
KEEP_FROM_SIGNING = "SELECT pg_advisory_xact_lock(7305816410938444)"


class Proving(NamedTuple):
    """A server, its database, and the key that its checkpoints are verified with."""

    server: Server
    dsn: str
    api: Caller
    verifier: Verifier

    def get(self, path: str, headers: dict[str, str] | None = None, **asked: Any) -> httpx.Response:
        return self.api.http.get(f"/v1/audit/{path}", params=asked, headers=headers)

    def grown(self, older: int, newer: int) -> httpx.Response:
        asked = {"from": older, "to": newer}
        return self.api.http.get("/v1/audit/consistency", params=asked)

    def signed(self, note: str) -> Checkpoint:
        parsed = Note.parse(note)
        assert set(parsed.verify([self.verifier])) == {self.verifier}
        return Checkpoint.parse(parsed.body)

    def checkpoint(self, at_least: int) -> Checkpoint:
        asked = {"at_least": at_least}
        eventually(lambda: self.api.http.get("/v1/log/checkpoint", params=asked).is_success)
        return self.signed(self.api.http.get("/v1/log/checkpoint", params=asked).text)

    def proved(self, index: int) -> str:
        """The entry at an index, once it was proved."""
        proof = done(self.get(f"proof/{index}"))
        assert proof.keys() == {"index", "leaf_hash", "size", "hashes", "checkpoint", "entry"}
        signed = self.signed(proof["checkpoint"])
        assert (proof["index"], proof["size"]) == (index, signed.size)
        hash_ = leaf_hash(proof["entry"].encode())
        assert base64.b64decode(proof["leaf_hash"]) == hash_
        verify_inclusion(index, signed.size, hash_, decoded(proof["hashes"]), signed.root)
        return str(proof["entry"])


def decoded(hashes: list[str]) -> list[bytes]:
    return [base64.b64decode(each, validate=True) for each in hashes]


@pytest.fixture(scope="module")
def proving(new_database: Callable[[], str]) -> Iterator[Proving]:
    dsn, history = new_database(), History()
    for number in range(BEFORE):
        history.issue(f"license-{number}", customer="globex" if number % 2 else "acme")
    history.write(dsn)
    with serving(dsn) as server, server.client() as http:
        verifier = Verifier.parse(http.get("/v1/log/key").text.splitlines()[0])
        yield Proving(server, dsn, Caller(http), verifier)


@pytest.mark.parametrize("index", [0, 1, 7, 254, 255, 256, 257, BEFORE - 1, BEFORE])
def test_every_entry_is_proved(proving: Proving, index: int):
    proving.checkpoint(index + 1)
    assert f'{{"position":{index + 1},' in proving.proved(index)


def test_an_entry_is_proved_as_soon_as_it_was_recorded(proving: Proving):
    """It is waited for: nobody has to ask twice."""
    for _ in range(2):
        answer = proving.api.issue()
        index = int(answer.headers["hotslot-log-index"])
        assert done(answer, 201)["id"] in proving.proved(index)


def test_a_proof_as_a_file_of_its_own(proving: Proving):
    proving.checkpoint(4)
    for answer in (
        proving.get("proof/3", format="tlog-proof"),
        proving.get("proof/3", {"Accept": TLOG_PROOF}),
        proving.get("proof/3", {"Accept": f"{TLOG_PROOF}, application/json;q=0.5"}),
    ):
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"].startswith(TLOG_PROOF)
        head, _, note = answer.content.decode().partition("\n\n")
        form, extra, index, *hashes = head.split("\n")
        assert (form, index) == ("c2sp.org/tlog-proof@v1", "index 3")
        leaf = base64.b64decode(extra.removeprefix("extra "), validate=True)
        assert leaf.startswith(b'{"position":4,')
        signed = proving.signed(note)
        verify_inclusion(3, signed.size, leaf_hash(leaf), decoded(hashes), signed.root)
        keys = [read_key(proving.api.http.get("/v1/log/key").text.splitlines()[0])]
        assert verify_receipt(answer.content, keys)[1:] == (3, leaf.decode())


def test_json_may_be_asked_for_too(proving: Proving):
    proving.checkpoint(4)
    assert done(proving.get("proof/3", {"Accept": TLOG_PROOF}, format="json"))["index"] == 3
    problem(proving.get("proof/3", format="yaml"), 422, "invalid-input")


@pytest.mark.parametrize("index", [10**6, 10**17, 10**18 - 1])
def test_an_entry_that_is_not_there(proving: Proving, index: int):
    problem(proving.get(f"proof/{index}"), 404, "not-found")


@pytest.mark.parametrize(
    "index", ["-1", "+1", "01", "00", "x", "1.0", "1e3", "%D9%A1", "9" * 19, "9" * 5000, "1%0A"]
)
def test_an_index_that_is_none(proving: Proving, index: str):
    problem(proving.get(f"proof/{index}"), 422, "invalid-input")


def test_while_nothing_is_signed_a_new_entry_can_not_be_proved(proving: Proving):
    with psycopg.connect(proving.dsn) as connection:
        connection.execute(KEEP_FROM_SIGNING)
        index = int(proving.api.issue().headers["hotslot-log-index"])
        answer = proving.get(f"proof/{index}")
        problem(answer, 503, "checkpoint-behind")
        assert int(answer.headers["retry-after"]) > 0
        assert proving.proved(0)
    proving.proved(index)


@pytest.mark.parametrize(
    ("older", "newer"),
    [(1, 1), (1, 300), (255, 256), (256, 257), (128, 300), (299, 300), (300, 300), (7, 8)],
)
def test_the_log_has_only_grown(proving: Proving, older: int, newer: int):
    proving.checkpoint(300)
    proof = done(proving.grown(older, newer))
    assert (proof["from"], proof["to"]) == (older, newer)
    hashes = decoded(proof["hashes"])
    verify_consistency(older, newer, root(proving, older), root(proving, newer), hashes)


def root(proving: Proving, size: int) -> bytes:
    """The root of the first entries, computed from their tiles."""
    tree = Frontier()
    for tile in range(0, size, 256):
        width = min(256, size - tile)
        partial = "" if width == 256 else f".p/{width}"
        hashes = proving.api.http.get(f"/v1/log/tile/0/{tile // 256:03}{partial}").content
        for at in range(0, len(hashes), 32):
            tree.append(hashes[at : at + 32])
    assert tree.size == size
    return tree.root()


def test_from_one_checkpoint_to_the_next(proving: Proving):
    older = proving.checkpoint(1)
    proving.api.issued()
    newer = proving.checkpoint(proving.api.head())
    assert older.size < newer.size
    proof = done(proving.grown(older.size, newer.size))
    verify_consistency(older.size, newer.size, older.root, newer.root, decoded(proof["hashes"]))


@pytest.mark.parametrize(
    "query",
    ["from=0&to=1", "from=2&to=1", "from=-1&to=1", "from=1", "to=1", "from=x&to=1", "",
     "from=1&to=2&to=3", f"from=1&to={2**63}", "from=1_0&to=20", "from=%2B1&to=2", "from=01&to=2",
     "from=1.0&to=2", "from=1&to=02", "from=1&to=2%0A", "from=1&to=%D9%A2"],
)  # fmt: skip
def test_sizes_that_cannot_be(proving: Proving, query: str):
    problem(proving.api.http.get(f"/v1/audit/consistency?{query}"), 422, "invalid-input")


def test_a_size_that_is_not_signed_yet(proving: Proving):
    problem(proving.grown(1, 10**9), 404, "no-checkpoint")


def test_a_key_of_a_customer_gets_proofs_of_that_customers_entries(proving: Proving):
    proving.checkpoint(BEFORE)
    made = done(proving.api.key("auditor", customer="acme"), 201)
    with proving.server.client(made["key"]) as http:
        own = proving._replace(api=Caller(http))
        assert '"customer":"acme"' in own.proved(0)
        assert '"customer":"acme"' in own.proved(BEFORE - 2)
        # Another customer's, one without a customer, and one that is not there.
        for index in (1, BEFORE - 1, BEFORE, 10**6):
            problem(own.get(f"proof/{index}"), 404, "not-found")
            problem(own.get(f"proof/{index}", format="tlog-proof"), 404, "not-found")
        assert done(own.grown(1, 2))


def test_a_tree_that_lost_a_part_is_told_of(proving: Proving):
    proving.checkpoint(BEFORE)
    with psycopg.connect(proving.dsn, autocommit=True) as connection:
        where = "WHERE level = 0 AND index = 5"
        (lost,) = connection.execute(
            f"DELETE FROM proofs.hashes {where} RETURNING hash"
        ).fetchone() or (b"",)
        answers = [
            proving.get("proof/4"),
            proving.grown(5, 9),
            proving.api.http.get("/v1/log/tile/0/000"),
        ]
        connection.execute("INSERT INTO proofs.hashes VALUES (0, 5, %s)", (lost,))
    for answer in answers:
        problem(answer, 503, "log-incomplete")
    proving.proved(4)


def test_an_entry_that_was_changed_is_told_of_and_not_proved(proving: Proving):
    proving.checkpoint(BEFORE)
    before = proving.proved(4)
    with psycopg.connect(proving.dsn, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        (state,) = connection.execute(
            "SELECT state::text FROM ledger.events WHERE position = 5"
        ).fetchone() or ("",)
        change = "UPDATE ledger.events SET state = %s WHERE position = 5"
        connection.execute(change, (state + " ",))
        answers = [proving.get("proof/4"), proving.get("proof/4", format="tlog-proof")]
        # Auditors have to see what it was changed to.
        entries = proving.api.http.get("/v1/log/tile/entries/000")
        connection.execute(change, (state,))
    for answer in answers:
        assert "differs" in problem(answer, 503, "log-incomplete")["detail"]
    assert f"{before[:-1]} }}".encode() in entries.content
    assert proving.proved(4) == before
