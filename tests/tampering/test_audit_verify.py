"""`hotslot audit verify`: what it says, and what the table of cases leaves out."""

import shutil

import psycopg
import pytest

from tests.tampering.cases import CHANGE, INDEX, suspend
from tests.tampering.test_tampering import found_in_database, kinds
from tests.tampering.world import World, Worlds


@pytest.fixture
def world(worlds: Worlds) -> World:
    return worlds.now()


def test_what_is_good_is_told_with_its_size(world: World):
    ended = world.audit_verify(as_json=False).ended

    assert (ended.status, ended.err) == (0, "")
    ledger, tree, checkpoints, verdict = ended.out.splitlines()
    assert ledger == "The ledger has 371 events, the last at 2026-01-01 00:03:05.000 UTC."
    assert tree == "Tree: 371 leaves."
    assert checkpoints.startswith("Checkpoints: 2, the last over 371 events at ")
    assert verdict == "All agree, and so do slots and trail."


def test_as_json_it_says_the_same(world: World):
    said = world.audit_verify().said

    assert (said["events"], said["leaves"], said["checkpoints"]) == (371, 371, 2)
    assert said["last_checkpoint"]["size"] == 371
    assert (said["findings"], said["notices"]) == ([], [])


def test_a_fault_is_told_with_what_it_means(world: World):
    world.execute(CHANGE)

    ended = world.audit_verify(as_json=False).ended

    assert ended.status == 1
    lines = ended.err.splitlines()
    assert lines[0].startswith(f"leaf: The event at position {INDEX + 1} is not the one")
    assert "between the positions 1 and 361. And 1 more of this kind." in lines[1]
    assert lines[-1].startswith("The ledger was changed, or the checkpoints of it.")


def test_a_tree_that_was_changed_alone_is_to_be_built_anew(world: World):
    world.execute("UPDATE proofs.hashes SET hash = sha256('') WHERE index = 3")
    assert world.audit_verify(as_json=False).ended.err.splitlines()[-1] == (
        "The ledger is what was signed; what is made of it was changed. Find out who did that, "
        "and build it anew: hotslot projections rebuild proofs"
    )

    world.rebuild("proofs")

    assert world.audit_verify().status == 0


def test_a_tree_that_is_behind_is_no_fault(world: World):
    suspend("license-30")(world.history)
    world.history.write(world.dsn)

    report = world.audit_verify()

    assert found_in_database(report) == set()
    assert (report.said["events"], report.said["leaves"]) == (372, 371)
    assert "Tree: 371 leaves, 1 behind." in world.audit_verify(as_json=False).ended.out


@pytest.mark.parametrize(
    ("statement", "findings"),
    [
        ("DELETE FROM proofs.hashes WHERE level = 0 AND index = 300", {"tree@300"}),
        ("DELETE FROM proofs.hashes WHERE level = 1", {"tree@0"}),
        ("INSERT INTO proofs.hashes VALUES (1, 23, sha256(''))", {"tree"}),
        ("INSERT INTO proofs.hashes VALUES (0, 371, sha256(''))", {"tree-longer@371"}),
        ("INSERT INTO proofs.hashes VALUES (3, 0, sha256(''))", {"tree"}),
        ("UPDATE proofs.hashes SET hash = '' WHERE index = 370", {"leaf@370"}),
        ("UPDATE checkpoints.checkpoints SET key = 'other' WHERE number = 1", {"checkpoint-row"}),
        (
            "UPDATE checkpoints.checkpoints SET size = 362 WHERE number = 1",
            {"checkpoint-row", "checkpoint-root"},
        ),
        (
            "UPDATE checkpoints.checkpoints SET signed_at = signed_at - interval '1 hour'",
            {"checkpoint-row"},
        ),
        ("UPDATE checkpoints.checkpoints SET note = 'signed'", {"checkpoint-signature"}),
    ],
)
def test_other_edits_are_found(world: World, statement: str, findings: set[str]):
    world.execute(statement)

    assert found_in_database(world.audit_verify()) == findings


def test_an_event_before_the_first_is_found(world: World):
    world.execute(
        "INSERT INTO ledger.events SELECT 0, 'license:x', 1, type, state FROM ledger.events "
        "WHERE position = 2"
    )

    assert "position" in found_in_database(world.audit_verify())


def test_an_event_far_behind_the_last_is_found(world: World):
    world.execute(
        "INSERT INTO ledger.events SELECT 9000000000000, 'license:x', 1, type, state "
        "FROM ledger.events WHERE position = 2"
    )

    assert found_in_database(world.audit_verify()) == {"position@371"}


def test_a_log_that_was_signed_smaller_again_is_found(world: World):
    """As a server would that had been given the older database for a while, and then this one."""
    with psycopg.connect(world.dsn) as connection:
        connection.execute(
            "INSERT INTO checkpoints.checkpoints (size, root, signed_at, key, note) "
            "SELECT size, root, signed_at, key, note FROM checkpoints.checkpoints "
            "WHERE number = 1"
        )

    report = world.audit_verify()

    assert found_in_database(report) == {"checkpoint-order@361"}
    assert kinds(report.said["notices"], "kind") <= {"checkpoint-clock"}


def test_an_event_that_cannot_be_read_is_found(world: World):
    world.execute("UPDATE ledger.events SET state = '[]' WHERE position = 5")

    found = found_in_database(world.audit_verify())

    assert found == {"leaf@4", "checkpoint-root", "slots", "trail"}


def test_without_a_tree_it_says_what_to_do(world: World):
    world.execute("DROP SCHEMA proofs CASCADE")

    ended = world.audit_verify().ended

    assert ended.status == 1
    assert "hotslot projections rebuild proofs" in ended.err


def test_without_any_checkpoint_there_is_nothing_to_compare_with(world: World):
    world.execute("DROP SCHEMA checkpoints CASCADE")

    assert "Start the server once" in world.audit_verify().ended.err
    assert world.audit_verify("--key", world.verifier).said["checkpoints"] == 0


def test_without_the_logs_keys_it_says_what_to_do(world: World):
    shutil.rmtree(world.keys)

    assert "Or give the log's key with --key." in world.audit_verify().ended.err
    assert world.audit_verify("--key", world.verifier).status == 0


def test_what_is_no_key_is_wrong_usage(world: World):
    ended = world.audit_verify("--key", "a-password").ended

    assert ended.status == 2
    assert "A verifier key is written as name+id+key." in ended.err
