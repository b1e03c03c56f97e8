"""A license's life, and the rights that follow from it at once."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.api.calls import Caller, done, in_a_moment, position_of, refused, until_expired

PAST, FUTURE = "2020-01-01T00:00:00Z", "2999-01-01T00:00:00Z"
RIGHTS = {"engines.download", "engines.upload", "engines.deploy"}
ALWAYS = {"settings.modify", "settings.import", "administer"}


class Holders:
    """A license whose one slot `a` holds, with the backup `b`."""

    def __init__(self, api: Caller, unique: Callable[[str], str]) -> None:
        self.api = api
        self.lic, self.a, self.b, self.c = api.issued(), unique("a"), unique("b"), unique("c")
        done(api.activate(self.a, self.lic))
        done(api.register(self.b, self.lic))

    def change(self, kind: str, **body: Any) -> None:
        done(self.api.change(self.lic, kind, **body))

    def rights(self, deployment: str) -> set[str]:
        shown = self.api.deployment(deployment)["capabilities"]
        return {name for name, may in shown.items() if may}

    def have_rights(self) -> bool:
        """Whether both have what their roles give them; half of it is an error."""
        has_a, has_b = self.rights(self.a), self.rights(self.b)
        if (has_a, has_b) == (ALWAYS, ALWAYS):
            return False
        assert (has_a, has_b) == (RIGHTS | ALWAYS | {"process"}, RIGHTS | ALWAYS)
        return True

    @property
    def status(self) -> str:
        return str(self.api.license(self.lic)["status"])


@pytest.fixture
def holders(api: Caller, unique: Callable[[str], str]) -> Holders:
    return Holders(api, unique)


def test_a_valid_license_gives_rights(holders: Holders):
    assert holders.have_rights()


def test_suspension_takes_them_and_reinstatement_gives_them_back(holders: Holders):
    holders.change("suspension")
    assert (holders.status, holders.have_rights()) == ("suspended", False)
    refused(holders.api.activate(holders.c, holders.lic), 403, "license-suspended")
    holders.change("reinstatement")
    assert (holders.status, holders.have_rights()) == ("valid", True)


def test_revocation_takes_them_for_good(holders: Holders):
    holders.change("revocation")
    assert (holders.status, holders.have_rights()) == ("revoked", False)
    changes: dict[str, dict[str, Any]] = {
        "reinstatement": {},
        "renewal": {"expires_at": FUTURE},
        "resize": {"slots": 9},
        "suspension": {},
    }
    for kind, body in changes.items():
        refused(holders.api.change(holders.lic, kind, **body), 403, "license-revoked")
    assert (holders.status, holders.have_rights()) == ("revoked", False)


def test_renewal_into_the_past_takes_them_and_into_the_future_gives_them_back(holders: Holders):
    holders.change("renewal", expires_at=PAST)
    assert (holders.status, holders.have_rights()) == ("expired", False)
    holders.change("renewal", expires_at=FUTURE)
    assert (holders.status, holders.have_rights()) == ("valid", True)
    holders.change("renewal", expires_at=None)
    assert holders.api.license(holders.lic)["expires_at"] is None


def test_the_end_comes_by_time_alone(holders: Holders):
    holders.change("renewal", expires_at=in_a_moment())
    assert (holders.status, holders.have_rights()) == ("valid", True)
    head = holders.api.head()
    until_expired(holders.api, holders.lic)
    assert not holders.have_rights()
    assert holders.api.head() == head
    refused(holders.api.nominate(holders.b), 403, "license-expired")


def test_slots_and_roles_are_kept_whatever_the_status(holders: Holders):
    before = holders.api.license(holders.lic)
    for kind, body in [("suspension", {}), ("renewal", {"expires_at": PAST}), ("revocation", {})]:
        holders.change(kind, **body)
        shown = holders.api.license(holders.lic)
        kept = ("slots", "active", "backups", "backup_count", "term")
        assert {name: shown[name] for name in kept} == {name: before[name] for name in kept}


def test_a_license_without_rights_still_lets_go(holders: Holders):
    holders.change("revocation")
    assert done(holders.api.deactivate(holders.a))["role"] == "unlicensed"
    assert done(holders.api.unregister(holders.b))["role"] == "unlicensed"
    assert holders.api.license(holders.lic)["slots"]["used"] == 0


def test_more_slots_take_more_deployments(holders: Holders):
    refused(holders.api.activate(holders.c, holders.lic), 409, "no-free-slot")
    holders.change("resize", slots=2)
    done(holders.api.activate(holders.c, holders.lic))
    refused(holders.api.change(holders.lic, "resize", slots=1), 409, "slots-in-use")
    done(holders.api.deactivate(holders.c))
    holders.change("resize", slots=1)
    assert holders.api.license(holders.lic)["slots"] == {"total": 1, "used": 1, "free": 0}


@pytest.mark.parametrize(
    ("first", "again"),
    [
        ("resize", {"slots": 1}),
        ("renewal", {"expires_at": None}),
        ("reinstatement", {}),
    ],
)
def test_what_is_so_already_is_quiet(holders: Holders, first: str, again: dict[str, Any]):
    before = holders.api.head()
    answer = holders.api.change(holders.lic, first, **again)
    assert done(answer) == holders.api.license(holders.lic)
    assert holders.api.head() == before == position_of(answer)


@pytest.mark.parametrize("kind", ["suspension", "revocation"])
def test_the_second_time_is_quiet(holders: Holders, kind: str):
    first = holders.api.change(holders.lic, kind)
    before = holders.api.head()
    assert done(holders.api.change(holders.lic, kind)) == done(first)
    assert holders.api.head() == before


@pytest.mark.parametrize("end", [None, "suspension", "revocation"])
def test_repeats_of_activate_and_register_are_quiet(holders: Holders, end: str | None):
    if end is not None:
        holders.change(end)
    before = holders.api.head()
    active = done(holders.api.activate(holders.a, holders.lic))
    backup = done(holders.api.register(holders.b, holders.lic))
    assert active == holders.api.deployment(holders.a)
    assert backup == holders.api.deployment(holders.b)
    assert holders.api.head() == before


def test_terms_rise_with_every_change_of_who_is_active(holders: Holders):
    api, lic = holders.api, holders.lic
    steps: list[tuple[Callable[[], httpx.Response], int]] = [
        (lambda: api.register(holders.c, lic), 1),
        (lambda: api.nominate(holders.b), 2),
        (lambda: api.unregister(holders.c), 2),
        (lambda: api.deactivate(holders.b), 3),
        (lambda: api.activate(holders.a, lic), 4),
    ]
    assert api.license(lic)["term"] == 1
    for step, term in steps:
        done(step())
        assert api.license(lic)["term"] == term
    assert api.deployment(holders.a)["term"] == 4


def test_a_backup_registers_anew_to_stand_by_for_another(holders: Holders):
    shown = done(holders.api.register(holders.b, holders.lic, standby_for=holders.a))
    assert shown["standby_for"] == holders.a
    license_ = holders.api.license(holders.lic)
    assert (license_["backup_count"], license_["backups"][0]["standby_for"]) == (1, holders.a)
    last = holders.api.tenures(holders.lic)["tenures"][-2:]
    assert [(each["standby_for"], each["to"] is None) for each in last] == [
        (None, False),
        (holders.a, True),
    ]
