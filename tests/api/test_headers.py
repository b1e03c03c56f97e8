"""Request ids, positions, entity tags, traces, and reasons."""

from collections.abc import Callable

import httpx
import pytest

from tests.api.calls import Caller, done, position_of, problem, refused


@pytest.fixture
def lic(api: Caller) -> str:
    return api.issued(slots=2)


EVERYWHERE = pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/licenses", 200),
        ("GET", "/v1/licenses/never-issued", 404),
        ("GET", "/v1/deployments/never-seen", 200),
        ("GET", "/v1/deployments/never-seen/active", 503),
        ("GET", "/v1/audit?limit=1", 200),
        ("GET", "/v1/keys", 200),
        ("GET", "/livez", 200),
        ("GET", "/readyz", 200),
        ("GET", "/metrics", 200),
        ("GET", "/openapi.json", 200),
        ("GET", "/docs", 200),
        ("GET", "/no/such/path", 404),
        ("POST", "/v1/audit", 405),
        ("POST", "/v1/licenses", 422),
        ("DELETE", "/v1/deployments/never-seen/backup", 409),
        ("GET", "/v1/licenses?limit=0", 422),
    ],
)


@EVERYWHERE
def test_every_answer_has_a_request_id_and_a_position(
    api: Caller, method: str, path: str, status: int
):
    answer = api.http.request(method, path, headers={"X-Request-Id": "a-request-of-mine"})
    assert answer.status_code == status
    assert answer.headers["x-request-id"] == "a-request-of-mine"
    assert 0 < position_of(answer) <= api.head()
    if status >= 400 and not path.endswith("/active"):
        assert problem(answer, status, answer.json()["code"])["request_id"] == "a-request-of-mine"


def test_a_request_without_an_id_gets_one(nobody: Caller):
    made = {nobody.http.get("/livez").headers["x-request-id"] for _ in range(3)}
    assert len(made) == 3
    assert all(len(each) >= 16 for each in made)


@pytest.mark.parametrize("bad", ["", "a b", "<script>", "x" * 129, 'a"b'])
def test_an_id_that_is_none_is_replaced(nobody: Caller, bad: str):
    answer = nobody.http.get("/livez", headers={"X-Request-Id": bad})
    assert answer.headers["x-request-id"] not in ("", bad)


def test_the_request_id_stands_in_the_trail(api: Caller, unique: Callable[[str], str]):
    wanted = unique("request")
    license_id = done(api.issue({"X-Request-Id": wanted}), 201)["id"]
    assert [each["request_id"] for each in api.trail(license=license_id)] == [wanted]


def test_the_position_of_a_command_is_where_it_stands(api: Caller, lic: str):
    answer = api.change(lic, "suspension")
    assert position_of(answer) == done(answer)["position"] == api.head()
    read = api.http.get(f"/v1/licenses/{lic}")
    assert position_of(read) >= position_of(answer)


def test_a_read_as_of_a_position_shows_that_position(api: Caller, lic: str):
    position = api.license(lic)["position"]
    done(api.change(lic, "suspension"))
    answer = api.http.get(f"/v1/licenses/{lic}", params={"as_of": position})
    assert (position_of(answer), answer.json()["as_of"]) == (position, position)


# Entity tags.


def tag(api: Caller, lic: str) -> str:
    return str(api.http.get(f"/v1/licenses/{lic}").headers["etag"])


def test_the_tag_changes_with_every_change_of_the_license_and_only_then(
    api: Caller, lic: str, unique: Callable[[str], str]
):
    a, b, c = unique("a"), unique("b"), unique("c")
    tags = [tag(api, lic)]
    changes: list[Callable[[], httpx.Response]] = [
        lambda: api.activate(a, lic),
        lambda: api.register(b, lic),
        lambda: api.nominate(b),
        lambda: api.register(a, lic),
        lambda: api.unregister(a),
        lambda: api.deactivate(b),
        lambda: api.change(lic, "resize", slots=3),
        lambda: api.change(lic, "suspension"),
        lambda: api.change(lic, "reinstatement"),
        lambda: api.change(lic, "renewal", expires_at="2999-01-01T00:00:00Z"),
        lambda: api.change(lic, "revocation"),
    ]
    for change in changes:
        done(change())
        tags.append(tag(api, lic))
    assert len(set(tags)) == len(tags)
    refused(api.activate(c, lic), 403, "license-revoked")
    assert tag(api, lic) == tags[-1]


@pytest.mark.parametrize("sent", ["{tag}", "W/{tag}", '"x", {tag}', "*"])
def test_a_read_of_what_is_known_already_is_304(api: Caller, lic: str, sent: str):
    known = tag(api, lic)
    headers = {"If-None-Match": sent.format(tag=known)}
    answer = api.http.get(f"/v1/licenses/{lic}", headers=headers)
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["etag"] == known
    assert position_of(answer) > 0


def test_a_read_of_what_has_changed_is_200(api: Caller, lic: str):
    known = tag(api, lic)
    done(api.change(lic, "suspension"))
    answer = api.http.get(f"/v1/licenses/{lic}", headers={"If-None-Match": known})
    assert done(answer)["status"] == "suspended"
    assert answer.headers["etag"] != known


CONDITIONAL: dict[str, Callable[[Caller, str, str, dict[str, str]], httpx.Response]] = {
    "resize": lambda api, lic, d, headers: api.change(lic, "resize", headers, slots=9),
    "suspend": lambda api, lic, d, headers: api.change(lic, "suspension", headers),
    "activate": lambda api, lic, d, headers: api.activate(d + "2", lic, headers),
    "register": lambda api, lic, d, headers: api.register(d + "2", lic, headers),
    "unregister": lambda api, lic, d, headers: api.unregister(d, headers),
    "nominate": lambda api, lic, d, headers: api.nominate(d, headers),
    "nominate, dry run": lambda api, lic, d, headers: api.nominate(d, headers, dry_run=True),
}
CONDITIONALLY = pytest.mark.parametrize("command", CONDITIONAL.values(), ids=CONDITIONAL)


@CONDITIONALLY
@pytest.mark.parametrize("sent", ["{tag}", '"x", {tag}', "*"])
def test_a_command_on_the_license_as_it_is_known(
    api: Caller,
    lic: str,
    unique: Callable[[str], str],
    sent: str,
    command: Callable[..., httpx.Response],
):
    backup = unique("b")
    done(api.register(backup, lic))
    known = tag(api, lic)
    done(command(api, lic, backup, {"If-Match": sent.format(tag=known)}))


@CONDITIONALLY
@pytest.mark.parametrize("sent", ["{tag}", '"x"', "W/{fresh}"], ids=["stale", "wrong", "weak"])
def test_a_command_on_a_license_that_has_changed(
    api: Caller,
    lic: str,
    unique: Callable[[str], str],
    sent: str,
    command: Callable[..., httpx.Response],
):
    backup = unique("b")
    known = tag(api, lic)
    done(api.register(backup, lic))
    fresh, before = tag(api, lic), api.head()
    answer = command(api, lic, backup, {"If-Match": sent.format(tag=known, fresh=fresh)})
    problem(answer, 412, "precondition-failed")
    assert answer.headers["etag"] == fresh
    assert api.head() == before


@pytest.mark.parametrize("bad", ["12-valid", "", '"', '"a" "b"', "tag,"])
def test_a_tag_that_is_none(api: Caller, lic: str, bad: str):
    problem(api.change(lic, "suspension", {"If-Match": bad}), 422, "invalid-input")


def test_the_end_by_time_changes_the_tag(api: Caller):
    license_id = api.issued()
    known = tag(api, license_id)
    done(api.change(license_id, "renewal", expires_at="2020-01-01T00:00:00Z"))
    assert tag(api, license_id).endswith('-expired"')
    assert known.endswith('-valid"')


# Traces and reasons.

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def test_a_trace_is_stored_with_the_event_and_not_shown_in_the_trail(api: Caller):
    headers = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
    license_id = done(api.issue(headers), 201)["id"]
    (entry,) = api.trail(license=license_id)
    assert TRACE not in str(entry)


@pytest.mark.parametrize("bad", ["00-xyz-00f067aa0ba902b7-01", "", "00-" + "0" * 32, "é".encode()])
def test_a_trace_that_is_none_is_passed_over(api: Caller, bad: str | bytes):
    headers = {"traceparent": bad.encode() if isinstance(bad, str) else bad}
    done(api.http.get("/v1/licenses?limit=1", headers=headers))  # type: ignore[arg-type]


WITH_A_BODY: dict[str, Callable[[Caller, str, str, str], httpx.Response]] = {
    "renewal": lambda api, lic, d, why: api.change(lic, "renewal", expires_at=None, reason=why),
    "resize": lambda api, lic, d, why: api.change(lic, "resize", slots=9, reason=why),
    "suspension": lambda api, lic, d, why: api.change(lic, "suspension", reason=why),
    "revocation": lambda api, lic, d, why: api.change(lic, "revocation", reason=why),
    "activate": lambda api, lic, d, why: api.activate(d + "2", lic, reason=why),
    "register": lambda api, lic, d, why: api.register(d + "2", lic, reason=why),
    "nominate": lambda api, lic, d, why: api.nominate(d, reason=why),
    "refused": lambda api, lic, d, why: api.activate(d, lic, reason=why),
}


@pytest.mark.parametrize("command", WITH_A_BODY.values(), ids=WITH_A_BODY)
def test_a_reason_in_the_body(
    api: Caller, unique: Callable[[str], str], command: Callable[..., httpx.Response]
):
    license_id, backup = api.issued(expires_at="2999-01-01T00:00:00Z"), unique("b")
    done(api.register(backup, license_id))
    before = api.head()
    command(api, license_id, backup, "Grüße, 100 %")
    reasons = {e["reason"] for e in api.trail(license=license_id) if e["position"] > before}
    assert reasons == {"Grüße, 100 %"}


def test_a_reason_for_a_license_that_is_issued(api: Caller):
    license_id = api.issued(reason="order 17")
    assert [each["reason"] for each in api.trail(license=license_id)] == ["order 17"]


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("plain words", "plain words"),
        ("Gr%C3%BC%C3%9Fe, 100%25", "Grüße, 100%"),
        ("50% off", "50% off"),
    ],
)
@pytest.mark.parametrize("role", ["activation", "backup"])
def test_a_reason_in_the_header(
    api: Caller, lic: str, unique: Callable[[str], str], role: str, sent: str, kept: str
):
    d, headers = unique("d"), {"Hotslot-Reason": sent}
    done((api.activate if role == "activation" else api.register)(d, lic))
    done((api.deactivate if role == "activation" else api.unregister)(d, headers))
    assert api.trail(deployment=d)[-1]["reason"] == kept


def test_a_reason_for_keys(api: Caller, unique: Callable[[str], str]):
    made, revoked = unique("made"), unique("revoked")
    key = done(api.key("auditor", reason=made), 201)
    done(api.http.delete(f"/v1/keys/{key['id']}", headers={"Hotslot-Reason": revoked}))
    since = api.trail(actor="admin", since=key["created_at"])
    entries = [each for each in since if each["data"].get("key") == key["id"]]
    assert [each["reason"] for each in entries] == [made, revoked]


def test_the_body_goes_before_the_header(api: Caller, lic: str):
    headers = {"Hotslot-Reason": "from the header"}
    done(api.change(lic, "suspension", headers, reason="from the body"))
    assert api.trail(license=lic)[-1]["reason"] == "from the body"


@pytest.mark.parametrize("bad", ["x" * 1001, "a%00b", "a%0Ab"])
def test_a_reason_that_is_none(api: Caller, lic: str, unique: Callable[[str], str], bad: str):
    d = unique("d")
    done(api.activate(d, lic))
    before = api.head()
    problem(api.deactivate(d, {"Hotslot-Reason": bad}), 422, "invalid-input")
    assert api.head() == before
