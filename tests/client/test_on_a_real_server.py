"""Both clients on a real server: what the stub can't know is that the server agrees."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from hotslot.client import Refused
from tests.client.variants import Connect
from tests.serving import ADMIN_KEY, Server

NEVER_YET = datetime(2100, 1, 31, tzinfo=UTC)
Unique = Callable[[str], str]


@pytest.fixture
def on_server(connect: Connect, server: Server) -> Any:
    return connect(server.url, key=ADMIN_KEY)


def test_a_hot_swap(on_server: Any, unique: Unique) -> None:
    swap, a, b = unique("swap"), unique("a"), unique("b")
    issued = on_server.licenses.issue(id=swap, product="p", customer="c", slots=1)
    itself = on_server.acting_as(activation_key=issued.activation_key)
    assert itself.deployments.activate(a, reason="first").may("process")
    assert not on_server.deployments.register(b, license=swap, standby_for=a).may("process")
    before = on_server.position
    with pytest.raises(Refused) as raised:
        on_server.deployments.activate(b, license=swap)
    assert raised.value.code == "backup-cannot-activate"
    assert [each.action for each in raised.value.remedies][:1] == ["nominate"]
    assert on_server.deployments.nominate(b, dry_run=True).dry_run
    done = on_server.deployments.nominate(
        b, replaces=a, wait_for_release=True, reason="100% of A's power lost, é"
    )
    assert (done.deployment.role, done.replaced.role, done.license.term) == (
        "active",
        "unlicensed",
        2,
    )
    assert [held.deployment for held in on_server.licenses.get(swap).active] == [b]
    logged = {entry.index: entry.type for entry in on_server.audit.entries(license=swap)}
    assert logged[raised.value.log_index] == "license.command-refused"
    assert logged[done.log_index] == "deployment.released"
    (failover,) = on_server.failovers(license=swap)
    assert (failover.nominated, failover.former, failover.position) == (b, a, done.position)
    assert failover.wait_for_release
    assert [each.code for each in failover.refusals] == ["backup-cannot-activate"]
    then = on_server.licenses.get(swap, as_of=before)
    assert [held.deployment for held in then.active] == [a]
    assert on_server.deployments.get(a, as_of=then.active[0].since).role == "active"
    tenures = [(each.deployment, each.role) for each in on_server.licenses.tenures(swap)]
    assert tenures == [(a, "active"), (b, "backup"), (b, "active")]
    assert on_server.deployments.deactivate(b, reason="100% über").role == "unlicensed"
    trail = list(on_server.audit.entries(license=swap))
    assert {entry.outcome for entry in trail} == {"done", "refused"}
    reasons = {entry.reason for entry in trail}
    assert {"first", "100% of A's power lost, é", "100% über"} <= reasons


def test_the_life_of_a_license(on_server: Any, unique: Unique) -> None:
    life, customer = unique("life"), unique("customer")
    on_server.licenses.issue(id=life, product="p", customer=customer, slots=1, expires_at=NEVER_YET)
    assert on_server.licenses.renew(life, expires_at=None).expires_at is None
    assert on_server.licenses.renew(life, expires_at=NEVER_YET).expires_at == NEVER_YET
    assert on_server.licenses.resize(life, slots=4).slots.free == 4
    assert on_server.licenses.set_lease(life, seconds=90).id == life
    assert on_server.licenses.suspend(life).status == "suspended"
    assert on_server.licenses.reinstate(life).status == "valid"
    assert on_server.licenses.revoke(life, reason="over").status == "revoked"
    found = on_server.licenses.list(customer=customer, status="revoked")
    assert [each.id for each in found] == [life]


def test_pages_are_read_to_the_end(
    on_server: Any, unique: Unique, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hotslot.client.call.PAGE_SIZE", 2)
    paged, backups = unique("paged"), [unique(f"backup-{number}") for number in range(5)]
    on_server.licenses.issue(id=paged, product="p", customer="c", slots=1)
    for backup in backups:
        on_server.deployments.register(backup, license=paged)
    holders = list(on_server.licenses.deployments(paged, role="backup"))
    assert sorted(each.deployment for each in holders) == sorted(backups)
    on_server.deployments.unregister(backups[0])
    assert len(list(on_server.licenses.deployments(paged))) == 4
    assert len(list(on_server.licenses.deployments(paged, as_of=holders[-1].position))) == 5


def test_an_idempotency_key_has_one_effect(on_server: Any, unique: Unique) -> None:
    wanted = {"id": unique("once"), "product": "p", "customer": "c", "slots": 1}
    first, second = (on_server.licenses.issue(**wanted, idempotency_key=unique("k")) for _ in "12")
    assert first.activation_key == second.activation_key


def test_the_life_of_a_key(on_server: Any, unique: Unique) -> None:
    made = on_server.keys.create(role="auditor", id=unique("aud"), reason="for the audit")
    auditor = on_server.acting_as(key=made.key)
    assert next(iter(auditor.audit.entries())).index == 0
    with pytest.raises(Refused) as raised:
        auditor.licenses.suspend(unique("any"))
    assert raised.value.code == "forbidden"
    assert made.id in [key.id for key in on_server.keys.list()]
    assert on_server.keys.revoke(made.id).revoked_at is not None


def test_the_service_tells_how_it_is(on_server: Any) -> None:
    ready = on_server.ready()
    assert ready.status == "ready"
    assert ready.projections.keys() >= {"slots", "trail"}
    assert "keys" in on_server.jwks()
    assert isinstance(on_server.signing_keys(), tuple)


def test_a_deployment_without_a_role_gets_no_lease(on_server: Any, unique: Unique) -> None:
    with pytest.raises(Refused) as raised:
        on_server.deployments.lease(unique("never-seen"), processing=False)
    assert raised.value.code in {"not-licensed", "no-signing-key"}
