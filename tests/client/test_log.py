"""The calls on the log: what they ask, and that what they give proves what it should."""

from collections.abc import Callable
from typing import Any

from hotslot.checkpoints.note import Checkpoint, Note, Verifier
from hotslot.client import ConsistencyProof
from projections.proofs.merkle import leaf_hash, verify_consistency, verify_inclusion
from tests.cli.stub import Stub
from tests.client.answers import INCLUSION
from tests.client.variants import Connect
from tests.serving import ADMIN_KEY, Server

PLAIN = "text/plain; charset=utf-8"


def test_a_command_is_proved_to_be_in_the_log(
    connect: Connect, server: Server, unique: Callable[[str], str]
) -> None:
    on_server: Any = connect(server.url, key=ADMIN_KEY)
    first = on_server.log.proof(0)
    license_id = unique("lic")
    on_server.licenses.issue(id=license_id, product="p", customer="c", slots=1)
    (entry,) = on_server.audit.entries(license=license_id)
    proof = on_server.log.proof(entry.index)
    (verifier,) = map(Verifier.parse, on_server.log.keys())
    note = Note.parse(proof.checkpoint)
    assert set(note.verify([verifier])) == {verifier}
    signed = Checkpoint.parse(note.body)
    assert (proof.index, proof.size) == (entry.index, signed.size)
    assert leaf_hash(proof.entry.encode()) == proof.leaf_hash
    assert license_id in proof.entry
    verify_inclusion(proof.index, proof.size, proof.leaf_hash, proof.hashes, signed.root)
    older = Checkpoint.parse(Note.parse(first.checkpoint).body)
    grown = on_server.log.consistency(older.size, signed.size)
    assert (grown.older, grown.newer) == (older.size, signed.size)
    verify_consistency(older.size, signed.size, older.root, signed.root, grown.hashes)
    assert on_server.log.checkpoint(at_least=signed.size) == proof.checkpoint


def test_what_is_asked_of_the_log(hotslot: Any, stub: Stub) -> None:
    stub.answer("GET", "/v1/log/checkpoint", "a\n9\n", media=PLAIN)
    stub.answer("GET", "/v1/log/key", "a+1+b\nc+2+d\n", media=PLAIN)
    stub.answer("GET", "/v1/audit/consistency", {"from": 3, "to": 9, "hashes": ["AAEC"]})
    stub.answer("GET", "/v1/audit/proof/7", INCLUSION)
    assert hotslot.log.checkpoint(at_least=7) == "a\n9\n"
    assert hotslot.log.keys() == ("a+1+b", "c+2+d")
    assert hotslot.log.consistency(3, 9) == ConsistencyProof(3, 9, (b"\0\1\2",))
    assert hotslot.log.proof(7).hashes == (b"\0" * 32,)
    assert [each.query for each in stub.asked] == [
        {"at_least": "7"},
        {},
        {"from": "3", "to": "9"},
        {},
    ]
