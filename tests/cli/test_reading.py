"""What the commands that only read ask for, and what they show."""

import json
import re
from typing import Any

from tests.cli.answers import SINCE, deployment, entry, license_, procedure, tenure
from tests.cli.stub import Stub
from tests.command_line import Hotslot

NO_PROCEDURES: dict[str, Any] = {"procedures": [], "next": None}
LONG_ID = "core-" + "0123456789" * 12


def test_json_is_the_answer_as_it_is(hotslot: Hotslot, stub: Stub) -> None:
    answer = license_(customer="Größe [bold]")
    stub.answer("GET", "/v1/licenses/lic-1", answer)
    ended = hotslot("license", "show", "lic-1", "--as-of", "3", "--json")
    assert json.loads(ended.out) == answer
    assert stub.asked[0].query == {"as_of": "3"}


def test_tables_on_a_pipe_keep_ids_whole_and_have_no_color(hotslot: Hotslot, stub: Stub) -> None:
    held = license_()["active"][0] | {"deployment": LONG_ID}
    stub.answer("GET", "/v1/licenses/lic-1", license_(active=[held]))
    ended = hotslot("license", "show", "lic-1")
    (line,) = (line for line in ended.out.splitlines() if LONG_ID in line)
    assert "online" in line
    assert "\x1b" not in ended.out


def test_text_from_the_ledger_cannot_steer_the_terminal(hotslot: Hotslot, stub: Stub) -> None:
    evil = entry(reason="[red]a[/red]\x1b[2J\nb\u202ec")
    stub.answer("GET", "/v1/audit", {"entries": [evil], "next": None})
    ended = hotslot("audit")
    assert r"[red]a[/red]\x1b[2J\nb\u202ec" in ended.out


def test_status_of_an_id_that_is_no_license_is_that_of_the_deployment(
    hotslot: Hotslot, stub: Stub
) -> None:
    stub.answer("GET", "/v1/deployments/core-b", deployment())
    ended = hotslot("status", "core-b", "--as-of", "2026-03-01T10:00:00Z", "--json")
    assert json.loads(ended.out) == deployment()
    assert [asked.path for asked in stub.asked] == ["/v1/licenses/core-b", "/v1/deployments/core-b"]
    assert stub.asked[1].query["as_of"] == "2026-03-01T10:00:00+00:00"


def test_status_shows_when_a_deployment_was_seen_and_until_when_its_lease_lasts(
    hotslot: Hotslot, stub: Stub
) -> None:
    lease = {"seen_at": SINCE, "expires_at": "2026-03-01T10:01:00.500000Z", "stale": False}
    stub.answer("GET", "/v1/deployments/core-b", deployment())
    stub.answer("GET", "/v1/deployments/core-b", deployment(lease=lease))
    stub.answer("GET", "/v1/deployments/core-b", deployment(lease=lease | {"stale": True}))
    assert "lease" not in hotslot("status", "core-b").out
    held = hotslot("status", "core-b").out
    assert re.search(r"seen \(UTC\) +2026-03-01 10:00:00.123 ", held)
    assert re.search(r"lease until \(UTC\) +2026-03-01 10:01:00.500 ", held)
    assert "stale" not in held
    ran_out = hotslot("status", "core-b").out
    assert re.search(r"lease until .* 10:01:00.500, stale: it ran out", ran_out)


def test_status_of_an_id_that_was_never_seen_says_so(hotslot: Hotslot, stub: Stub) -> None:
    nothing = {"license": None, "mode": None, "standby_for": None, "since": None}
    unseen = deployment("typo", role="unlicensed", term=None, position=None, **nothing)
    stub.answer("GET", "/v1/deployments/typo", unseen)
    stub.answer("GET", "/v1/deployments/typo", unseen | {"as_of": 7})
    said = "typo was never seen: no deployment and no license of this id"
    ended = hotslot("status", "typo")
    assert ended.status == 0
    assert f"{said}.\n" in ended.out
    assert "unlicensed" in ended.out
    assert f"{said} as of position 7." in hotslot("status", "typo", "--as-of", "7").out


def test_status_of_a_released_deployment_is_not_that_of_one_never_seen(
    hotslot: Hotslot, stub: Stub
) -> None:
    released = deployment(role="unlicensed", mode=None, standby_for=None, term=None)
    stub.answer("GET", "/v1/deployments/core-b", released)
    out = hotslot("status", "core-b").out
    assert "unlicensed" in out
    assert "never seen" not in out


def test_status_lists_the_licenses(hotslot: Hotslot, stub: Stub) -> None:
    stub.answer("GET", "/v1/licenses", {"licenses": [license_("l-1")], "next": "x"}, position=7)
    stub.answer("GET", "/v1/licenses", {"licenses": [license_("l-2")], "next": None})
    ended = hotslot("status")
    assert "l-1" in ended.out
    assert "l-2" in ended.out
    first, second = stub.asked
    assert "min_position" not in first.query
    assert (second.query["cursor"], second.query["min_position"]) == ("x", "7")


def test_audit_follows_pages_up_to_the_limit(hotslot: Hotslot, stub: Stub) -> None:
    pages = [entry(position=at) for at in (1, 2, 3)]
    stub.answer("GET", "/v1/audit", {"entries": pages[:2], "next": "p2"})
    stub.answer("GET", "/v1/audit", {"entries": pages[2:], "next": "p3"})
    filters = "--license l --deployment d --actor a --type t --outcome refused"
    times = "--since 2026-01-01 --until 2026-02-01T12:00:00Z"
    ended = hotslot(*f"audit --limit 3 {filters} {times} --json".split())
    assert json.loads(ended.out) == {"entries": pages, "next": "p3"}
    assert stub.asked[0].query == {
        "license": "l",
        "deployment": "d",
        "actor": "a",
        "type": "t",
        "outcome": "refused",
        "since": "2026-01-01T00:00:00+00:00",
        "until": "2026-02-01T12:00:00+00:00",
        "limit": "3",
    }
    assert (stub.asked[1].query["limit"], stub.asked[1].query["cursor"]) == ("1", "p2")


def test_audit_shows_who_what_and_why_and_that_there_is_more(hotslot: Hotslot, stub: Stub) -> None:
    refused = entry(
        outcome="refused",
        type="license.command-refused",
        data={"command": "activate", "code": "backup-cannot-activate"},
        reason=None,
    )
    stub.answer("GET", "/v1/audit", {"entries": [entry(), refused], "next": "more"})
    out = hotslot("audit", "--limit", "2").out
    assert "license.backup-nominated" in out
    assert "key ops" in out
    assert "power lost" in out
    assert "activate: backup-cannot-activate" in out
    assert "raise --limit" in out


def test_history_of_a_license_has_tenures_and_trail(hotslot: Hotslot, stub: Stub) -> None:
    stub.answer("GET", "/v1/licenses/lic-1/tenures", {"tenures": [tenure()], "next": None})
    stub.answer("GET", "/v1/audit", {"entries": [entry()], "next": None})
    stub.answer("GET", "/v1/audit/procedures", NO_PROCEDURES)
    out = hotslot("history", "lic-1").out
    assert "backup (for core-a)" in out
    assert "power lost" in out
    assert stub.asked[1].query["license"] == stub.asked[2].query["license"] == "lic-1"


def test_history_of_a_deployment_has_its_tenures_on_all_its_licenses(
    hotslot: Hotslot, stub: Stub
) -> None:
    entries = [
        entry(type="deployment.bound", license="lic-2"),
        entry(type="deployment.bound", license="lic-1"),
        entry(license="lic-3"),
    ]
    later = {"position": 9, "at": "2026-03-02T10:00:00.000000Z", "type": "x"}
    on_2 = tenure(license="lic-2", to=None, **{"from": later})
    stub.answer("GET", "/v1/audit", {"entries": entries, "next": None})
    stub.answer(
        "GET",
        "/v1/licenses/lic-1/tenures",
        {"tenures": [tenure(), tenure(deployment="core-a")], "next": None},
    )
    stub.answer("GET", "/v1/licenses/lic-2/tenures", {"tenures": [on_2], "next": None})
    stub.answer("GET", "/v1/audit/procedures", NO_PROCEDURES)
    ended = hotslot("history", "core-b", "--json")
    assert json.loads(ended.out)["tenures"] == [tenure(), on_2]
    assert stub.asked[-1].query["deployment"] == "core-b"


def test_history_says_which_lines_are_one_procedure(hotslot: Hotslot, stub: Stub) -> None:
    done = procedure()
    between = entry(position=50, type="license.renewed")
    entries = [*done["entries"][:1], between, *done["entries"][1:]]
    stub.answer("GET", "/v1/licenses/lic-1/tenures", {"tenures": [], "next": None})
    stub.answer("GET", "/v1/audit", {"entries": entries, "next": None})
    stub.answer("GET", "/v1/audit/procedures", {"procedures": [done], "next": None})
    lines = hotslot("history", "lic-1").out.splitlines()
    marked = [line for line in lines if "offline-failover core-a -> core-b" in line]
    assert len(marked) == 3
    for number, (line, step) in enumerate(zip(marked, done["entries"], strict=True), start=1):
        assert f"{step['type']} ({number} of 3: " in line
    assert json.loads(hotslot("history", "lic-1", "--json").out)["procedures"] == [done]


def test_audit_procedures_shows_the_steps_of_each(hotslot: Hotslot, stub: Stub) -> None:
    traced = procedure(former="core-x", reason=None, trace_id="4bf9")
    stub.answer("GET", "/v1/audit/procedures", {"procedures": [procedure()], "next": "p2"})
    stub.answer("GET", "/v1/audit/procedures", {"procedures": [traced], "next": "p3"})
    filters = "--license lic-1 --deployment core-b"
    arguments = f"audit procedures {filters} --limit 2".split()
    out = hotslot(*arguments).out
    assert "offline-failover core-a -> core-b on license lic-1" in out
    assert 'by their reason "drill":' in out
    assert "offline-failover core-x -> core-b on license lic-1" in out
    assert 'by their trace id "4bf9":' in out
    steps = re.findall(r"license\.\S+", out)
    assert steps == [each["type"] for each in procedure()["entries"]] * 2
    assert "raise --limit" in out
    first, second = stub.asked
    assert first.query == {"license": "lic-1", "deployment": "core-b", "limit": "2"}
    assert (second.query["limit"], second.query["cursor"]) == ("1", "p2")
    answer = {"procedures": [traced], "next": "p3"}
    assert json.loads(hotslot(*arguments[:-1], "1", "--json").out) == answer


def test_audit_procedures_may_have_none_to_show(hotslot: Hotslot, stub: Stub) -> None:
    stub.answer("GET", "/v1/audit/procedures", NO_PROCEDURES)
    assert "No procedures." in hotslot("audit", "procedures").out


def test_audit_alone_shows_the_entries(hotslot: Hotslot, stub: Stub) -> None:
    stub.answer("GET", "/v1/audit", {"entries": [entry()], "next": None})
    assert hotslot("audit", "entries", "--limit", "1").out == hotslot("audit", "--limit", "1").out
    assert stub.asked[0].query == stub.asked[1].query
    assert hotslot("audit", "procedure").status == 2
    assert "procedures" in hotslot("audit", "--help").out
