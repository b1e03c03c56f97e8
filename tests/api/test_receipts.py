"""Receipts: an answer says which entry of the log its request made, and only then."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.api.calls import Caller, done, position_of, refused

Unique = Callable[[str], str]


def entry_of(api: Caller, answer: httpx.Response) -> Any:
    """The entry that a receipt names: it has to be the last one of that request."""
    index = int(answer.headers["hotslot-log-index"])
    page = done(api.http.get("/v1/audit", params={"cursor": str(index), "limit": 1000}))
    entry, *later = page["entries"]
    assert entry["index"] == index
    assert entry["position"] == index + 1
    assert entry["request_id"] == answer.headers["x-request-id"]
    assert entry["request_id"] not in [each["request_id"] for each in later]
    return entry


@pytest.fixture
def swap(api: Caller, unique: Unique) -> tuple[str, str, str]:
    """A license of one slot that `a` holds, with the backup `b`."""
    license_id, a, b = api.issued(), unique("a"), unique("b")
    done(api.activate(a, license_id))
    done(api.register(b, license_id))
    return license_id, a, b


def test_every_command_gives_a_receipt(api: Caller, unique: Unique):
    license_id, a, b = unique("lic"), unique("a"), unique("b")
    deployed = f"/v1/deployments/{a}"
    commands: tuple[tuple[Callable[[], httpx.Response], str], ...] = (
        (lambda: api.issue(id=license_id), "license.issued"),
        (
            lambda: api.change(license_id, "renewal", expires_at="2999-01-01T00:00:00Z"),
            "license.renewed",
        ),
        (lambda: api.change(license_id, "resize", slots=2), "license.resized"),
        (lambda: api.change(license_id, "lease-duration", seconds=90), "license.lease-changed"),
        (lambda: api.change(license_id, "suspension"), "license.suspended"),
        (lambda: api.change(license_id, "reinstatement"), "license.reinstated"),
        (lambda: api.activate(a, license_id), "deployment.bound"),
        (lambda: api.register(b, license_id, standby_for=a), "deployment.bound"),
        (lambda: api.nominate(b), "deployment.released"),
        (lambda: api.activate(a, license_id), "deployment.bound"),
        (lambda: api.http.delete(f"{deployed}/activation"), "deployment.released"),
        (lambda: api.file(license_id, b), "license.file-issued"),
        (lambda: api.change(license_id, "revocation"), "license.revoked"),
        (lambda: api.key("node", id=license_id, deployment=a), "key.created"),
        (lambda: api.http.delete(f"/v1/keys/{license_id}"), "key.revoked"),
    )
    for ask, type_ in commands:
        answer = ask()
        assert answer.is_success, answer.text
        assert entry_of(api, answer)["type"] == type_
        assert position_of(answer) >= int(answer.headers["hotslot-log-index"]) + 1


def test_a_refusal_that_was_recorded_has_one_and_its_repetition_has_none(
    api: Caller, swap: tuple[str, str, str]
):
    license_id, _, b = swap
    answer = api.activate(b, license_id)
    refused(answer, 409, "backup-cannot-activate")
    assert entry_of(api, answer)["type"] == "license.command-refused"
    assert "hotslot-log-index" not in api.activate(b, license_id).headers


def test_what_records_nothing_has_none(api: Caller, swap: tuple[str, str, str]):
    license_id, a, b = swap
    for answer in (
        api.activate(a, license_id),  # as it is
        api.nominate(b, dry_run=True),
        api.change("unknown", "resize", slots=3),
        api.issue(slots=0),
        api.http.get(f"/v1/licenses/{license_id}"),
        api.http.get("/v1/audit"),
        api.http.get("/livez"),
    ):
        assert "hotslot-log-index" not in answer.headers, answer.text


def test_a_repeat_has_the_receipt_of_the_first_whatever_came_since(
    api: Caller, swap: tuple[str, str, str], unique: Unique
):
    license_id, a, b = swap
    done_once, refused_once, quiet_once = ({"Idempotency-Key": unique(n)} for n in "drq")
    first = api.change(license_id, "resize", done_once, slots=4)
    first_refusal = api.activate(b, license_id, refused_once)
    api.activate(a, license_id, quiet_once)
    done(api.change(license_id, "resize", slots=5))

    again = api.change(license_id, "resize", done_once, slots=4)
    again_refused = api.activate(b, license_id, refused_once)

    for answer, repeat in ((first, again), (first_refusal, again_refused)):
        assert repeat.headers["idempotent-replayed"] == "true"
        assert repeat.headers["hotslot-log-index"] == answer.headers["hotslot-log-index"]
    assert "hotslot-log-index" not in api.activate(a, license_id, quiet_once).headers


def test_the_first_lease_has_one_and_a_renewal_has_none(api: Caller, swap: tuple[str, str, str]):
    _, a, _ = swap
    assert entry_of(api, api.lease(a))["type"] == "deployment.took-over"
    assert "hotslot-log-index" not in api.lease(a).headers


def test_so_has_the_lease_that_is_refused_to_one_that_stood_down(
    api: Caller, swap: tuple[str, str, str]
):
    _, a, b = swap
    done(api.lease(a, processing=True))
    done(api.nominate(b))
    answer = api.lease(a, processing=False)
    assert answer.status_code == 409
    assert entry_of(api, answer)["type"] == "deployment.stood-down"


def test_the_calls_of_scripts_have_them_too(api: Caller, unique: Unique):
    issued = done(api.issue(), 201)
    d = unique("d")
    asked = {"key": issued["activation_key"], "deployment": d, "quantity": 1}
    activated = api.http.get("/activation", params=asked)
    assert entry_of(api, activated)["type"] == "license.file-issued"
    assert "hotslot-log-index" not in api.http.get("/activation", params=asked).headers
    deactivated = api.http.get("/deactivation", params=asked)
    assert entry_of(api, deactivated)["type"] == "deployment.released"
