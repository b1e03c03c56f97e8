"""Everything in the table of cases is done, and each program finds what the table says."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.tampering.cases import CASES, Case, table
from tests.tampering.world import Report, Worlds

GUIDE = Path(__file__).parents[2] / "docs" / "audit.md"


def kinds(found: Iterable[dict[str, Any]], name: str) -> set[str]:
    return {
        each[name] if each["index"] is None else f"{each[name]}@{each['index']}" for each in found
    }


def found_in_database(report: Report) -> set[str]:
    found = kinds(report.said["findings"], "kind")
    assert report.status == (1 if found else 0)
    return found


def found_by_auditor(report: Report) -> set[str]:
    found = kinds(report.said["problems"], "rule")
    assert report.status == (1 if found else 0)
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_is_noticed(case: Case, worlds: Worlds):
    world = case.tamper(worlds)

    report = world.audit_verify()
    with_key = world.audit_verify("--key", world.verifier)
    with world.served() as url:
        alone = world.verify(url)
        remembered = world.verify(url, remembers=True)
        ended = {to: world.export(url, to) for to in ("after", "before")}

    assert found_in_database(report) == set(case.database)
    assert kinds(report.said["notices"], "kind") == set(case.notices)
    wanted = case.database if case.with_key is None else case.with_key
    assert found_in_database(with_key) == set(wanted)
    assert found_by_auditor(alone) == set(case.server)
    wanted = case.server if case.remembered is None else case.remembered
    assert (bool(alone.said["notices"])) == case.is_heard
    assert found_by_auditor(remembered) == set(wanted)
    for to, complaint in (("after", case.export), ("before", case.update)):
        assert ended[to].status == (0 if complaint is None else 1), ended[to]
        assert (complaint or "") in ended[to].err
    if case.update is not None:
        assert found_by_auditor(world.verify(str(world.home / "before"), remembers=True)) == set()


def test_the_guide_for_auditors_shows_the_table():
    assert table() in GUIDE.read_text("utf-8")
