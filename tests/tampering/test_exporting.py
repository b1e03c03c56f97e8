"""`hotslot audit export` from a real server, and hotslot-verify on what it made."""

import json

import pytest

from tests.serving import ADMIN_KEY
from tests.tampering.world import World, Worlds


@pytest.fixture
def world(worlds: Worlds) -> World:
    return worlds.now()


def test_an_export_is_good_as_a_folder_and_as_a_zip(world: World):
    with world.served() as url:
        for place in ("new", "new.zip"):
            assert world.export(url, place).status == 0
            said = world.verify(str(world.home / place), remembers=True).said
            assert (said["good"], said["size"]) == (True, world.history.position)


@pytest.mark.parametrize(
    ("until", "events"),
    [
        ("1", 361),
        ("2026-01-01T00:03:00Z", 361),
        ("362", 371),
        ("2026-01-01T00:03:02Z", 371),
        ("2030-01-01", 371),
    ],
)
def test_until_is_the_first_checkpoint_that_covers_it(world: World, until: str, events: int):
    with world.served() as url:
        ended = world.export(url, "new", "--json", "--until", until)

    assert ended.status == 0, ended.err
    assert json.loads(ended.out)["events"] == events


@pytest.mark.parametrize("until", ["2020-01-01", "10000"])
def test_until_what_there_is_nothing_of_is_refused(world: World, until: str):
    with world.served() as url:
        ended = world.export(url, "new", "--until", until)

    assert ended.status == 1
    assert "Nothing had happened by" in ended.err or "There is no checkpoint over" in ended.err


def test_a_key_that_is_limited_to_a_customer_gets_none(world: World):
    with world.served() as url:
        variables = {"HOTSLOT_URL": url, "HOTSLOT_KEY": ADMIN_KEY}
        made = world.hotslot(
            "keys", "create", "--role", "auditor", "--customer", "acme", "--json", **variables
        )
        variables["HOTSLOT_KEY"] = json.loads(made.out)["key"]
        ended = world.hotslot("audit", "export", str(world.home / "new"), **variables)

    assert ended.status == 1
    assert "limited to one customer" in ended.err
