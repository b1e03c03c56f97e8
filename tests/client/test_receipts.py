"""Receipts: what a client is told of where its command stands in the log."""

from typing import Any

import pytest

from hotslot.client import Refused
from tests.cli.answers import deployment, license_
from tests.cli.stub import Stub
from tests.client.answers import KEY_MADE, LEASE, NOMINATION


def test_every_result_of_a_command_has_one(hotslot: Any, stub: Stub) -> None:
    stub.answer("POST", "/v1/licenses/l/suspension", license_("l"), log_index="7")
    stub.answer("DELETE", "/v1/deployments/d/activation", deployment("d"), log_index="8")
    stub.answer("POST", "/v1/deployments/d/nomination", NOMINATION, log_index="11")
    stub.answer("POST", "/v1/deployments/d/lease", LEASE, log_index="12")
    stub.answer("POST", "/v1/keys", KEY_MADE, 201, log_index="0")
    results = [
        hotslot.licenses.suspend("l"),
        hotslot.deployments.deactivate("d"),
        hotslot.deployments.nominate("d"),
        hotslot.deployments.lease("d"),
        hotslot.keys.create(role="operator"),
    ]
    assert [result.log_index for result in results] == [7, 8, 11, 12, 0]
    # It is the answer's as a whole, and not that of the things in it.
    assert results[2].license.log_index is None


def test_what_recorded_nothing_has_none(hotslot: Any, stub: Stub) -> None:
    stub.answer("POST", "/v1/licenses/l/suspension", license_("l"))
    stub.answer("GET", "/v1/licenses/l", license_("l"))
    assert hotslot.licenses.suspend("l").log_index is None
    assert hotslot.licenses.get("l").log_index is None


@pytest.mark.parametrize(("header", "told"), [("9", 9), (None, None)])
def test_a_refusal_that_was_recorded_has_one(
    hotslot: Any, stub: Stub, header: str | None, told: int | None
) -> None:
    no = {"code": "no-free-slot"}
    stub.answer("PUT", "/v1/deployments/d/activation", no, 409, log_index=header)
    with pytest.raises(Refused) as raised:
        hotslot.deployments.activate("d", license="l")
    assert raised.value.log_index == told


def test_an_odd_one_is_passed_over(hotslot: Any, stub: Stub) -> None:
    stub.answer("POST", "/v1/licenses/l/suspension", license_("l"), log_index="-1")
    assert hotslot.licenses.suspend("l").log_index is None
