"""The calls on the log against a real server: what they give proves what it should."""

from collections.abc import Callable
from typing import Any

from hotslot.checkpoints.note import Checkpoint, Note, Verifier
from projections.proofs.merkle import leaf_hash, verify_consistency, verify_inclusion
from tests.client.variants import Connect
from tests.serving import ADMIN_KEY, Server


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
