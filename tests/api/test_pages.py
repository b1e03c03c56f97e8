"""Lists, page by page: every entry once, in order, whatever the size of a page."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.api.calls import Caller, done, position_of, problem


class Lists:
    """A customer with five licenses; on the first, two are active and five stand by."""

    def __init__(self, api: Caller) -> None:
        first = api.issued(slots=2)
        self.customer = f"customer of {first}"
        licenses = [api.issued(customer=self.customer, slots=2) for _ in range(5)]
        self.lic = licenses[0]
        for number in range(2):
            done(api.activate(f"a{number}@{self.lic}", self.lic))
        for number in range(5):
            done(api.register(f"b{number}@{self.lic}", self.lic))
        done(api.unregister(f"b1@{self.lic}"))
        for number in range(3):
            done(api.key("auditor", id=f"{self.lic}-{number}", customer=self.customer), 201)

    def path_of(self, name: str) -> tuple[str, str, dict[str, Any]]:
        """Path, name of the list in the answer, and its parameters."""
        return {
            "licenses": ("/v1/licenses", "licenses", {"customer": self.customer}),
            "deployments": (f"/v1/licenses/{self.lic}/deployments", "deployments", {}),
            "backups": (f"/v1/licenses/{self.lic}/deployments", "deployments", {"role": "backup"}),
            "tenures": (f"/v1/licenses/{self.lic}/tenures", "tenures", {}),
            "trail": ("/v1/audit", "entries", {"license": self.lic}),
            "trail of a deployment": ("/v1/audit", "entries", {"deployment": f"b1@{self.lic}"}),
        }[name]


NAMES = ["licenses", "deployments", "backups", "tenures", "trail", "trail of a deployment"]
COUNTS = dict(zip(NAMES, [5, 6, 4, 7, 17, 4], strict=True))


@pytest.fixture(scope="module")
def lists(api: Caller) -> Lists:
    return Lists(api)


def pages(api: Caller, path: str, name: str, asked: dict[str, Any]) -> list[list[Any]]:
    """All pages, by following `next`."""
    read: list[list[Any]] = []
    cursor: dict[str, str] = {}
    while True:
        page = done(api.http.get(path, params={**asked, **cursor}))
        read.append(page[name])
        if page["next"] is None:
            return read
        cursor = {"cursor": page["next"]}
        assert len(read) < 100


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 1000])
@pytest.mark.parametrize("name", NAMES)
def test_pages_add_up_to_the_list(api: Caller, lists: Lists, name: str, limit: int):
    path, key, asked = lists.path_of(name)
    whole = done(api.http.get(path, params=asked))
    assert whole["next"] is None
    read = pages(api, path, key, {**asked, "limit": limit})
    assert [entry for page in read for entry in page] == whole[key]
    assert len(whole[key]) == COUNTS[name]
    assert [len(page) for page in read[:-1]] == [limit] * (len(read) - 1)
    assert 0 < len(read[-1]) <= limit


@pytest.mark.parametrize("limit", [1, 2, 4])
def test_pages_of_who_held_what_as_of_then(api: Caller, lists: Lists, limit: int):
    path, key, asked = lists.path_of("deployments")
    asked = {**asked, "as_of": api.license(lists.lic)["position"]}
    whole = done(api.http.get(path, params=asked))[key]
    done(api.change(lists.lic, "resize", slots=3))
    read = pages(api, path, key, {**asked, "limit": limit})
    assert [entry for page in read for entry in page] == whole


def test_pages_of_keys(lists: Lists, api: Caller, key_of: Callable[..., Caller]):
    auditor = key_of("auditor", customer=lists.customer)
    read = pages(auditor, "/v1/keys", "keys", {"limit": 1})
    ids = [page[0]["id"] for page in read]
    assert ids == sorted(ids)
    assert {f"{lists.lic}-{number}" for number in range(3)} <= set(ids)
    assert all(len(page) == 1 for page in read)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("bad", [0, -1, 1001, "many", "1.5", ""])
def test_a_limit_that_is_none(api: Caller, lists: Lists, name: str, bad: object):
    path, _, asked = lists.path_of(name)
    answer = api.http.get(path, params={**asked, "limit": str(bad)})
    assert "limit" in problem(answer, 422, "invalid-input")["detail"]


@pytest.mark.parametrize("name", [each for each in NAMES if each != "licenses"])
@pytest.mark.parametrize("bad", ["nonsense", "-1", "9" * 40, "active.x", "\x00", "active.\x00"])
def test_a_cursor_that_is_none(api: Caller, lists: Lists, name: str, bad: str):
    path, _, asked = lists.path_of(name)
    answer = api.http.get(path, params={**asked, "cursor": bad})
    assert "cursor" in problem(answer, 422, "invalid-input")["detail"]


@pytest.mark.parametrize(
    "asked",
    [
        {"cursor": f"active.{'9' * 18}"},
        {"cursor": f"active.{2**31 - 1}"},
        {"cursor": "backup.0", "role": "active"},
        {"cursor": "active.0", "role": "backup"},
    ],
)
@pytest.mark.parametrize("then", [False, True])
def test_a_cursor_that_another_list_gave(
    api: Caller, lists: Lists, asked: dict[str, str], then: bool
):
    at = {"as_of": str(api.license(lists.lic)["position"])} if then else {}
    answer = api.http.get(f"/v1/licenses/{lists.lic}/deployments", params={**asked, **at})
    assert "cursor" in problem(answer, 422, "invalid-input")["detail"]


@pytest.mark.parametrize("path", ["/v1/licenses", "/v1/keys"])
@pytest.mark.parametrize("bad", ["\x00", "a\x00b", "x" * 401])
def test_a_cursor_that_is_no_id(api: Caller, path: str, bad: str):
    problem(api.http.get(path, params={"cursor": bad}), 422, "invalid-input")


def test_the_licenses_of_a_status(api: Caller, lists: Lists):
    of_customer = {"customer": lists.customer}
    everyone = done(api.http.get("/v1/licenses", params=of_customer))["licenses"]
    suspended = everyone[1]["id"]
    done(api.change(suspended, "suspension"))

    def with_status(status: str) -> list[str]:
        asked = {**of_customer, "status": status, "limit": 1}
        read = pages(api, "/v1/licenses", "licenses", asked)
        return [each["id"] for page in read for each in page]

    assert with_status("suspended") == [suspended]
    assert with_status("valid") == [each["id"] for each in everyone if each["id"] != suspended]
    assert with_status("expired") == with_status("revoked") == []
    done(api.change(suspended, "reinstatement"))


# Filters of the trail.


def types(entries: list[Any]) -> list[str]:
    return [each["type"] for each in entries]


def test_the_trail_by_type_and_outcome(api: Caller, lists: Lists):
    asked = {"license": lists.lic}
    assert types(api.trail(**asked, type="license.issued")) == ["license.issued"]
    backup = f"b0@{lists.lic}"
    api.activate(backup, lists.lic)
    assert types(api.trail(deployment=backup, outcome="refused")) == ["license.command-refused"]
    assert "license.command-refused" not in types(api.trail(**asked, outcome="done"))


def test_the_trail_of_a_deployment_that_was_replaced(api: Caller, unique: Callable[[str], str]):
    lic, a, b = api.issued(), unique("a"), unique("b")
    done(api.activate(a, lic))
    done(api.register(b, lic))
    done(api.nominate(b))
    assert types(api.trail(deployment=a))[-2:] == [
        "license.backup-nominated",
        "deployment.released",
    ]


def test_the_trail_of_an_actor(api: Caller, key_of: Callable[..., Caller], lists: Lists):
    operator = key_of("operator", id=f"operator-of-{lists.lic}")
    done(operator.register(f"b8@{lists.lic}", lists.lic))
    for actor in (f"operator-of-{lists.lic}", f"key:operator-of-{lists.lic}"):
        assert len(api.trail(actor=actor)) == 2
    assert api.trail(actor=f"system:operator-of-{lists.lic}") == []
    done(operator.unregister(f"b8@{lists.lic}"))


def test_the_trail_between_two_times(api: Caller, lists: Lists):
    asked = {"license": lists.lic, "type": "license.backup-registered"}
    entries = api.trail(**asked)
    second, fourth = entries[1]["at"], entries[3]["at"]
    assert api.trail(**asked, since=second, until=fourth) == entries[1:4]
    assert api.trail(**asked, until="2001-01-01T00:00:00Z") == []


@pytest.mark.parametrize(
    "bad", [{"since": "yesterday"}, {"until": "12"}, {"outcome": "both"}, {"type": "x" * 201}]
)
def test_a_filter_that_is_none(api: Caller, bad: dict[str, str]):
    problem(api.http.get("/v1/audit", params=bad), 422, "invalid-input")


@pytest.mark.parametrize("name", ["license", "deployment", "actor", "type"])
def test_a_filter_that_nothing_fits(api: Caller, name: str):
    assert api.trail(**{name: "nothing-has-this"}) == []


@pytest.mark.parametrize("name", ["license", "deployment", "actor", "type"])
def test_a_filter_with_a_zero_byte(api: Caller, name: str):
    problem(api.http.get("/v1/audit", params={name: "a\x00b"}), 422, "invalid-input")


# min_position: a write that went through another process.

READS = ["/v1/licenses", "/v1/licenses/{lic}", "/v1/licenses/{lic}/deployments"]
READS += ["/v1/licenses/{lic}/tenures", "/v1/deployments/d", "/v1/audit"]


@pytest.mark.parametrize("path", READS)
def test_a_read_shows_at_least_the_position_that_is_asked_for(api: Caller, lists: Lists, path: str):
    wanted = position_of(api.change(lists.lic, "suspension"))
    position_of(api.change(lists.lic, "reinstatement"))
    answer = api.http.get(path.format(lic=lists.lic), params={"min_position": wanted})
    done(answer)
    assert position_of(answer) >= wanted


@pytest.mark.parametrize("path", READS)
def test_a_position_that_is_not_there_yet(api: Caller, lists: Lists, path: str):
    asked = {"min_position": api.head() + 1}
    told = problem(api.http.get(path.format(lic=lists.lic), params=asked), 422, "invalid-input")
    assert "min_position" in told["detail"]


@pytest.mark.parametrize("path", READS)
@pytest.mark.parametrize("bad", ["-1", "x", "1.5", "9" * 40])
def test_a_position_that_is_none(api: Caller, lists: Lists, path: str, bad: str):
    asked = {"min_position": bad}
    problem(api.http.get(path.format(lic=lists.lic), params=asked), 422, "invalid-input")
