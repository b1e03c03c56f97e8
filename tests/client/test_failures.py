"""What is raised when a call doesn't give what was asked."""

import pickle
import socket
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import httpx
import pytest

from hotslot.client import HotslotError, OutOfReach, Refused, Unreadable
from hotslot.client.call import Call, as_object
from hotslot.client.calls import deployments, licenses
from hotslot.client.exchange import Seen, exchange
from tests.cli.answers import REFUSAL, deployment, license_
from tests.cli.stub import Stub
from tests.client.conftest import KEY
from tests.client.variants import Connect

ADDRESS = "http://stub.example"
BEHIND = {"code": "projection-behind", "status": 503, "detail": "Reached 11, not 12 yet."}
AWAY = {"code": "ledger-unavailable", "status": 503, "detail": "The database is away."}


def answered(call: Call[Any], *received: httpx.Response | httpx.RequestError) -> Any:
    """Play an exchange with what a server is made to answer; all of it has to be used."""
    steps = exchange(call, {}, Seen(), ADDRESS)
    next(steps)
    *before, last = received
    for each in before:
        steps.send(each)
    try:
        steps.send(last)
    except StopIteration as done:
        return done.value
    raise AssertionError("It asks once more.")


def test_a_refusal_has_its_code_and_its_remedies(hotslot: Any, stub: Stub) -> None:
    stub.answer("PUT", "/v1/deployments/core-b/activation", REFUSAL, 409)
    with pytest.raises(Refused) as raised:
        hotslot.deployments.activate("core-b", license="lic-1")
    refused = raised.value
    assert (refused.code, refused.status) == ("backup-cannot-activate", 409)
    assert (refused.detail, refused.request_id) == (REFUSAL["detail"], "r-7")
    assert [remedy.action for remedy in refused.remedies] == ["nominate", "unregister-and-activate"]
    assert refused.remedies[0].description == "Nominate core-b: POST /v1/..."
    assert refused.problem == REFUSAL
    assert str(refused) == f"backup-cannot-activate: {REFUSAL['detail']}"
    assert len(stub.asked) == 1


@pytest.mark.parametrize("more", [{}, {"remedies": None}, {"remedies": [{"todo": "?"}]}])
def test_a_refusal_without_remedies_has_none(
    hotslot: Any, stub: Stub, more: dict[str, Any]
) -> None:
    stub.answer("GET", "/v1/licenses/l", {"code": "unknown-license", **more}, 404)
    with pytest.raises(Refused) as raised:
        hotslot.licenses.get("l")
    assert (raised.value.remedies, raised.value.status) == ((), 404)


@pytest.mark.parametrize(
    "code", ["no-signing-key", "license-file-keys-unreadable", "log-keys-unreadable"]
)
def test_a_server_that_is_well_refuses_what_it_lacks_keys_for(code: str) -> None:
    problem = {"code": code, "status": 503, "detail": "Make one."}
    with pytest.raises(Refused) as raised:
        answered(licenses.file("l"), httpx.Response(503, json=problem))
    assert raised.value.code == code


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_server_that_can_not_serve_now_is_out_of_reach(status: int) -> None:
    call = licenses.suspend("l", idempotency_key="once-1")
    with pytest.raises(OutOfReach, match=r"The database is away\.") as raised:
        answered(call, httpx.Response(status, json=AWAY))
    assert (raised.value.problem, raised.value.repeat_with) == (AWAY, "once-1")


def test_the_page_of_a_proxy_is_out_of_reach() -> None:
    with pytest.raises(OutOfReach, match="502 Bad Gateway without a Hotslot body") as raised:
        answered(licenses.get("l"), httpx.Response(502, text="<html>"))
    assert raised.value.problem is not None
    assert raised.value.problem["code"] == "unexpected-answer"


@pytest.mark.parametrize(
    "response",
    [
        httpx.Response(200, text="<html>hello</html>"),
        httpx.Response(200, content=b""),
        httpx.Response(200, content=b'{"id": "\xff"}'),
        httpx.Response(200, content=b"[" * 100_000),
        httpx.Response(200, json=[]),
        httpx.Response(301, headers={"Location": "https://elsewhere.example"}),
        httpx.Response(404, text="nginx"),
        httpx.Response(404, json={"message": "no route"}),
    ],
    ids=str,
)
@pytest.mark.parametrize(
    "call", [licenses.get("l"), licenses.list_().page(None)], ids=["one", "list"]
)
def test_an_answer_that_is_not_hotslots_is_unreadable(
    call: Call[Any], response: httpx.Response
) -> None:
    with pytest.raises(Unreadable) as raised:
        answered(call, response)
    unreadable = raised.value
    assert unreadable.status == response.status_code
    assert f"GET {call.path} at {ADDRESS} was answered {response.status_code}" in str(unreadable)
    assert unreadable.problem["code"] == "unexpected-answer"
    assert unreadable.repeat_with is None


def test_an_answer_of_another_shape_says_where_it_differs() -> None:
    body = license_("l")
    del body["slots"]["free"]
    with pytest.raises(Unreadable, match=r"missing required field `free` - at `\$.slots`"):
        answered(licenses.get("l"), httpx.Response(200, json=body))


def test_a_page_without_its_list_is_unreadable() -> None:
    with pytest.raises(Unreadable, match="missing required field `licenses`"):
        answered(licenses.list_().page(None), httpx.Response(200, json={"next": None}))


@pytest.mark.parametrize(
    "response",
    [
        httpx.Response(200, text="x", headers={"Content-Type": "text/html"}),
        httpx.Response(200, content=b"\xff", headers={"Content-Type": "application/yaml"}),
    ],
    ids=["a page", "no UTF-8"],
)
def test_something_else_is_not_taken_for_a_license_file(response: httpx.Response) -> None:
    with pytest.raises(Unreadable) as raised:
        answered(licenses.file("l", idempotency_key="once-1"), response)
    assert raised.value.repeat_with == "once-1"


def test_a_dropped_connection_is_tried_once_more_with_the_same_key(
    hotslot: Any, stub: Stub
) -> None:
    stub.drops = 1
    stub.answer("PUT", "/v1/deployments/d/activation", deployment("d"))
    assert hotslot.deployments.activate("d", license="l").id == "d"
    first, second = (asked.headers["idempotency-key"] for asked in stub.asked)
    assert first == second


def test_a_connection_that_keeps_dropping_says_what_to_repeat_with(
    hotslot: Any, stub: Stub
) -> None:
    stub.drops = 5
    with pytest.raises(OutOfReach) as raised:
        hotslot.deployments.activate("d", license="l")
    assert len(stub.asked) == 2
    assert raised.value.repeat_with == stub.asked[0].headers["idempotency-key"]
    assert raised.value.problem is None


def test_reads_that_fail_have_nothing_to_repeat_with(hotslot: Any, stub: Stub) -> None:
    stub.drops = 5
    with pytest.raises(OutOfReach) as raised:
        hotslot.licenses.get("l")
    assert raised.value.repeat_with is None


def test_no_server_is_out_of_reach(connect: Connect) -> None:
    with pytest.raises(OutOfReach, match=r"No server answers at http://127\.0\.0\.1:1 "):
        connect("http://127.0.0.1:1").ready()


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a server that takes calls in, and gives no answer."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_a_server_that_says_nothing_is_given_up_on(connect: Connect, silent: str) -> None:
    hotslot = connect(silent, timeout=0.05, connect_timeout=20)
    with pytest.raises(OutOfReach, match=rf"{silent} gave no answer in time\.") as raised:
        hotslot.licenses.suspend("l", idempotency_key="once-1")
    assert raised.value.repeat_with == "once-1"


@pytest.mark.parametrize(
    "failure", [httpx.ConnectError("refused"), httpx.ReadTimeout("late"), httpx.ConnectTimeout("")]
)
def test_only_a_connection_that_dropped_is_tried_once_more(failure: httpx.RequestError) -> None:
    with pytest.raises(OutOfReach) as raised:
        answered(licenses.suspend("l", idempotency_key="once-1"), failure)
    assert raised.value.repeat_with == "once-1"


def test_an_answer_that_can_not_be_unpacked_is_none(hotslot: Any, stub: Stub) -> None:
    stub.answer("GET", "/v1/licenses/l", license_("l"))
    stub._answers["GET", "/v1/licenses/l"][0][2]["Content-Encoding"] = "gzip"
    with pytest.raises(OutOfReach, match="incorrect header check"):
        hotslot.licenses.get("l")


def test_a_read_ahead_of_its_view_is_asked_again(hotslot: Any, stub: Stub) -> None:
    for _ in range(3):
        stub.answer("GET", "/v1/deployments/d", BEHIND, 503)
    stub.answer("GET", "/v1/deployments/d", deployment("d"))
    assert hotslot.deployments.get("d").id == "d"
    assert len(stub.asked) == 4


def test_a_view_that_stays_behind_is_out_of_reach(hotslot: Any, stub: Stub) -> None:
    stub.answer("GET", "/v1/licenses/l", BEHIND, 503)
    with pytest.raises(OutOfReach) as raised:
        hotslot.licenses.get("l")
    assert raised.value.problem == BEHIND
    assert len(stub.asked) == 10


def test_a_command_is_not_asked_again_for_its_view() -> None:
    with pytest.raises(OutOfReach):
        answered(licenses.suspend("l"), httpx.Response(503, json=BEHIND))


@pytest.mark.parametrize("bad", ["", "..", ".", "a/b", "a?b", "a#b", "a b", "é", "-a", "a" * 129])
def test_what_is_no_id_is_never_asked(hotslot: Any, stub: Stub, bad: str) -> None:
    for ask in (
        hotslot.licenses.get,
        hotslot.licenses.revoke,
        hotslot.licenses.tenures,
        hotslot.deployments.lease,
        hotslot.deployments.nominate,
        hotslot.keys.revoke,
    ):
        with pytest.raises(ValueError, match="an id has 1 to 128"):
            ask(bad)
    with pytest.raises(ValueError, match="an id has 1 to 128"):
        hotslot.licenses.file("l", deployment=bad)
    assert stub.asked == []


def test_a_time_without_a_zone_is_never_asked(hotslot: Any, stub: Stub) -> None:
    naive = datetime(2030, 1, 31)  # noqa: DTZ001
    with pytest.raises(ValueError, match="time zone"):
        hotslot.licenses.renew("l", expires_at=naive)
    with pytest.raises(ValueError, match="time zone"):
        hotslot.licenses.get("l", as_of=naive)
    with pytest.raises(ValueError, match="time zone"):
        hotslot.audit.entries(since=naive)
    assert stub.asked == []


@pytest.mark.parametrize("url", ["", "nonsense", "ftp://x", "http://", "http://x:y"])
def test_what_is_no_address_is_told_at_once(connect: Connect, url: str) -> None:
    with pytest.raises(ValueError, match=r"http://host:port|port|URL"):
        connect(url)


@pytest.mark.parametrize("key", ["", " ", "kéy", "two\nlines"])
def test_a_key_that_no_header_can_carry_is_told_at_once_and_not_repeated(
    connect: Connect, key: str
) -> None:
    for named in ("key", "activation_key"):
        with pytest.raises(ValueError, match="a key is empty or holds") as raised:
            connect("http://x", **{named: key})
        assert not key.strip() or key not in str(raised.value)


def test_two_keys_are_one_too_many(connect: Connect) -> None:
    with pytest.raises(ValueError, match="not both"):
        connect("http://x", key="k", activation_key="a")


def test_no_error_and_no_repr_shows_a_secret(connect: Connect, stub: Stub) -> None:
    address = stub.url.replace("http://", "http://me:password@")
    hotslot = connect(address, key=KEY)
    stub.answer("GET", "/readyz", "<html>")
    stub.drops = 2
    told = [repr(hotslot)]
    for ask in (hotslot.signing_keys, hotslot.ready):
        with pytest.raises(HotslotError) as raised:
            ask()
        told += [str(raised.value), repr(raised.value)]
    said = "\n".join(told)
    assert stub.url in said
    assert KEY not in said
    assert "password" not in said


@pytest.mark.parametrize(
    "failure",
    [
        Refused(REFUSAL),
        OutOfReach("away", AWAY, "once-1"),
        Unreadable(200, "a page", "once-1"),
    ],
    ids=lambda failure: type(failure).__name__,
)
def test_failures_pass_from_process_to_process(failure: HotslotError) -> None:
    again = pickle.loads(pickle.dumps(failure))
    assert type(again) is type(failure)
    assert (str(again), vars(again)) == (str(failure), vars(failure))


def test_an_answer_can_be_had_as_it_is() -> None:
    call = deployments.get("d")
    raw = Call(method=call.method, path=call.path, read=as_object)
    body = deployment("d", color="green")
    assert answered(raw, httpx.Response(200, json=body)) == body
