"""`hotslot audit key`: what auditors verify with, one key a line and nothing else."""

import json

from tests.cli.conftest import stub
from tests.cli.stub import Stub
from tests.command_line import Hotslot

__all__ = ["stub"]

KEYS = ["hotslot/05a681c0-8576-4068-83bb-f9015093d90b+5ddaddf2+" + "A" * 44, "log+00000000+AAAA"]


def test_the_keys_can_be_kept_in_a_file(hotslot: Hotslot, stub: Stub) -> None:
    stub.answer("GET", "/v1/log/key", "".join(f"{key}\n" for key in KEYS), media="text/plain")
    ended = hotslot("audit", "key")
    assert (ended.status, ended.out) == (0, "".join(f"{key}\n" for key in KEYS))


def test_as_json(hotslot: Hotslot, stub: Stub) -> None:
    stub.answer("GET", "/v1/log/key", f"{KEYS[0]}\n", media="text/plain")
    assert json.loads(hotslot("audit", "key", "--json").out) == {"keys": KEYS[:1]}


def test_a_page_of_something_else_is_no_key(hotslot: Hotslot, stub: Stub) -> None:
    stub.answer("GET", "/v1/log/key", "<html>", media="text/html")
    ended = hotslot("audit", "key")
    assert (ended.status, ended.out) == (1, "")
