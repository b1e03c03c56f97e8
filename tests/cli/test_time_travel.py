"""The command line's questions about earlier moments: what it asks, and what it shows."""

import json
import re
from typing import Any

import pytest

from hotslot.cli.client import Client, Json
from tests.cli.answers import SINCE, difference, entry, license_, procedure, step, tenure
from tests.cli.stub import Stub
from tests.command_line import Hotslot

DAY = "2026-03-01T00:00:00+00:00"
KEY = {
    "id": "ops",
    "role": "operator",
    "customer": None,
    "created_at": SINCE,
    "revoked_at": None,
}
LISTS: dict[str, tuple[str, dict[str, Any]]] = {
    "status": ("licenses", {"licenses": [license_()]}),
    "license list": ("licenses", {"licenses": []}),
    "audit": ("audit", {"entries": [entry()]}),
    "audit procedures": ("audit/procedures", {"procedures": [procedure()]}),
    "failovers": ("failovers", {"failovers": []}),
    "keys list": ("keys", {"keys": [KEY]}),
}


@pytest.mark.parametrize("command", LISTS)
def test_a_list_as_of_then_says_the_position(hotslot: Hotslot, stub: Stub, command: str) -> None:
    path, answer = LISTS[command]
    stub.answer("GET", f"/v1/{path}", {**answer, "next": None, "as_of": None})
    stub.answer("GET", f"/v1/{path}", {**answer, "next": None, "as_of": 812})
    assert "As of" not in hotslot(*command.split()).out
    then = hotslot(*command.split(), "--as-of", "2026-03-01")
    assert then.out.startswith("As of position 812.\n")
    assert hotslot(*command.split(), "--as-of", "812").out == then.out
    as_json = hotslot(*command.split(), "--as-of", "812", "--json")
    assert json.loads(as_json.out) == {**answer, "next": None, "as_of": 812}
    assert [each.query.get("as_of") for each in stub.asked] == [None, DAY, "812", "812"]


def test_a_card_says_the_position(hotslot: Hotslot, stub: Stub) -> None:
    stub.answer("GET", "/v1/licenses/lic-1", license_(as_of=812))
    assert re.search(r"as of +position 812 *\n", hotslot("status", "lic-1", "--as-of", "812").out)


def test_history_is_told_as_it_would_have_been_then(hotslot: Hotslot, stub: Stub) -> None:
    lasting = {"tenures": [tenure(to=None)], "next": None, "as_of": 812}
    stub.answer("GET", "/v1/licenses/lic-1/tenures", lasting)
    stub.answer("GET", "/v1/audit", {"entries": [entry()], "next": None, "as_of": 812})
    stub.answer("GET", "/v1/audit/procedures", {"procedures": [], "next": None, "as_of": 812})
    out = hotslot("history", "lic-1", "--as-of", "2026-03-01").out
    assert re.search(r"core-b +backup \(for core-a\) .* then +-", out)
    assert "As of position 812." in out
    assert [each.query["as_of"] for each in stub.asked] == [DAY] * 3


def test_a_difference_shows_fields_and_roles(hotslot: Hotslot, stub: Stub) -> None:
    ends = {"field": "expires_at", "before": None, "after": SINCE}
    changes = [*difference()["changes"], ends]
    stub.answer("GET", "/v1/licenses/lic-1/diff", difference(changes=changes))
    out = hotslot("license", "diff", "lic-1", "--from", "2026-03-01", "--to", "9").out
    assert out.startswith("License lic-1 from position 3 to position 9: 3 entries in the trail.\n")
    assert re.search(r"term +1 +2 ", out)
    assert re.search(r"expires \(UTC\) +never +2026-03-01 10:00:00.123", out)
    assert re.search(r"core-a +active since 2026-\S+ \S+ \(position 2\) +no role *\n", out)
    assert re.search(r"core-b +backup for core-a since .* active since .*\(position 4\)", out)
    assert "raise --limit" not in out
    assert stub.asked[0].query == {"from": DAY, "to": "9", "limit": "1000"}


def test_a_difference_from_before_the_license(hotslot: Hotslot, stub: Stub) -> None:
    issued = difference(
        before=None,
        changes=[{"field": "status", "before": None, "after": "valid"}],
        deployments=[],
        entries=1,
        more_entries=True,
    )
    stub.answer("GET", "/v1/licenses/lic-1/diff", issued)
    out = hotslot("license", "diff", "lic-1", "--from", "0").out
    assert "1 entry or more in the trail." in out
    assert "It was issued in between." in out
    assert re.search(r"status +- +valid", out)


def test_no_difference_is_said(hotslot: Hotslot, stub: Stub) -> None:
    stub.answer("GET", "/v1/licenses/lic-1/diff", difference(changes=[], deployments=[]))
    assert "Nothing is different." in hotslot("license", "diff", "lic-1", "--from", "9").out


def test_a_difference_is_read_to_its_end_or_the_limit(hotslot: Hotslot, stub: Stub) -> None:
    first, second = difference()["deployments"]
    stub.answer("GET", "/v1/licenses/l/diff", difference(deployments=[first], next="before.x.1"))
    stub.answer("GET", "/v1/licenses/l/diff", difference(deployments=[], next="after"))
    stub.answer("GET", "/v1/licenses/l/diff", difference(deployments=[second], next="after.x.7"))
    arguments = "license diff l --from 2026-03-01 --limit 2"
    answer = json.loads(hotslot(*arguments.split(), "--json").out)
    assert answer == difference(next="after.x.7")
    assert [each.query for each in stub.asked] == [
        {"from": DAY, "limit": "2"},
        {"from": "3", "to": "9", "limit": "1", "cursor": "before.x.1"},
        {"from": "3", "to": "9", "limit": "1", "cursor": "after"},
    ]
    assert "raise --limit" in hotslot(*arguments.split()).out


# Replay.


def page(*steps: Json, next_: str | None = None) -> Json:
    return {"steps": [*steps], "next": next_, "from": 4, "to": 9}


REFUSED = step(
    entry=entry(position=5, outcome="refused", data={"command": "activate", "code": "no-free-slot"})
)
CROWD = step()["after"] | {"active": list("abcde"), "slots": {"total": 9, "used": 7, "free": 2}}


def test_a_replay_shows_each_event_with_the_slots_after_it(hotslot: Hotslot, stub: Stub) -> None:
    of_no_license = step(entry=entry(type="key.created", license=None), after=None)
    stub.answer("GET", "/v1/audit/replay", page(step(), REFUSED, next_="6"))
    stub.answer("GET", "/v1/audit/replay", page(step(after=CROWD), of_no_license))
    out = hotslot("audit", "replay", "--license", "lic-1", "--from", "2026-03-01").out
    assert out.startswith("From position 4 to position 9.\n")
    assert re.search(r"backup-nominated +core-b +lic-1 +valid +1 of 2 +core-b +0 +2 ", out)
    assert "refused: activate, no-free-slot" in out
    assert "7 of 9  a, b, c and 4 more" in out
    assert re.search(r"key.created .* - +- +- +- +- +- ", out)
    assert out.endswith("4 events.\n")
    assert [each.query for each in stub.asked] == [
        {"license": "lic-1", "from": DAY, "limit": "200"},
        {"license": "lic-1", "from": "4", "to": "9", "limit": "200", "cursor": "6"},
    ]


def test_a_replay_as_json_is_a_line_for_each_event(hotslot: Hotslot, stub: Stub) -> None:
    stub.answer("GET", "/v1/audit/replay", page(step(), next_="6"))
    stub.answer("GET", "/v1/audit/replay", page(REFUSED))
    ended = hotslot("audit", "replay", "--json")
    assert [json.loads(line) for line in ended.out.splitlines()] == [step(), REFUSED]


def test_a_replay_without_events_says_so(hotslot: Hotslot, stub: Stub) -> None:
    stub.answer("GET", "/v1/audit/replay", page())
    assert hotslot("audit", "replay").out == "No events.\n"
    assert hotslot("audit", "replay", "--json").out == ""


def test_what_was_read_is_printed_before_the_next_page_fails(hotslot: Hotslot, stub: Stub) -> None:
    stub.answer("GET", "/v1/audit/replay", page(step(), next_="6"))
    problem = {"code": "unauthenticated", "status": 401, "detail": "gone", "title": "t"}
    stub.answer("GET", "/v1/audit/replay", problem, 401)
    ended = hotslot("audit", "replay")
    assert ended.status == 1
    assert "backup-nominated" in ended.out
    assert "unauthenticated" in ended.err


def test_ctrl_c_ends_a_replay_with_what_was_printed(
    hotslot: Hotslot, stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = iter([page(step(), next_="6")])

    def get(*_: object, **__: object) -> Json:
        for each in pages:
            return each
        raise KeyboardInterrupt

    monkeypatch.setattr(Client, "get", get)
    ended = hotslot("audit", "replay")
    assert (ended.status, ended.err) == (130, "Stopped.\n")
    assert "backup-nominated" in ended.out
