"""A live server, by its tiles: also one that means harm."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from hotslot_verify import program as program_
from hotslot_verify.program import OutOfReachError, Server
from hotslot_verify.verify import Bad
from tests.verify.conftest import Program
from tests.verify.logs import History, Signer, issue, story, tiles

Answer = tuple[int, bytes, dict[str, str]]


class Stub:
    """Answers by path; remembers what it was asked, and with which credential."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.files: dict[str, bytes] = {}
        self.answers: dict[str, list[Answer]] = {}
        self.asked: list[str] = []
        self.credentials: set[str | None] = set()

    def answer(self, path: str) -> Answer:
        self.asked.append(path)
        if self.answers.get(path):
            return self.answers[path].pop(0)
        name = path.removeprefix("/v1/log/")
        return (200, self.files[name], {}) if name in self.files else (404, b"", {})

    def show(self, leaves: list[bytes], note: str) -> None:
        self.files = {"checkpoint": note.encode(), **tiles(leaves)}
        for start in range(0, len(leaves), 256):
            bundle = leaves[start : start + 256]
            partial = f".p/{len(bundle)}" if len(bundle) < 256 else ""
            self.files[f"tile/entries/{start // 256:03}{partial}"] = b"".join(
                len(each).to_bytes(2, "big") + each for each in bundle
            )


def serving() -> Iterator[Stub]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            shown.credentials.add(self.headers["Authorization"])
            status, body, headers = shown.answer(self.path)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", headers.get("Content-Length", str(len(body))))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing on the tests' output."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        shown = Stub(http.server_address[1])
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield shown
        finally:
            http.shutdown()
            thread.join()


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stub]:
    monkeypatch.setattr(program_, "WAITS", (0, 0, 0))
    yield from serving()


@pytest.fixture
def other() -> Iterator[Stub]:
    yield from serving()


LEAVES = story().leaves


def many() -> list[bytes]:
    history = History()
    for number in range(600):
        history.do(issue(f"l{number}"))
    return history.leaves


@pytest.mark.parametrize("leaves", [LEAVES, many(), many()[:512], []])
def test_a_good_server(program: Program, stub: Stub, signer: Signer, leaves: list[bytes]):
    stub.show(leaves, signer.note(leaves))

    for url in (stub.url, f"{stub.url}/", f"{stub.url}/v1/log"):
        assert program(url, "--key", signer.vkey)[0] == 0
    assert set(stub.asked) == {f"/v1/log/{name}" for name in stub.files}


def test_the_credential_is_used_and_not_printed(
    program: Program, stub: Stub, signer: Signer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HOTSLOT_KEY", "hsk.secret")
    stub.show(LEAVES, signer.note(LEAVES))
    good = program(stub.url, "--key", signer.vkey, "--json")
    del stub.files["checkpoint"]
    bad = program(stub.url, "--key", signer.vkey)

    assert (good[0], bad[0]) == (0, 3)
    assert stub.credentials == {"Bearer hsk.secret"}
    assert "secret" not in "".join(map(str, good + bad))


def test_nobody_is_sent_elsewhere_with_the_credential(
    program: Program, stub: Stub, other: Stub, signer: Signer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HOTSLOT_KEY", "hsk.secret")
    other.show(LEAVES, signer.note(LEAVES))
    for status in (301, 302, 303, 307, 308):
        there = {"Location": f"{other.url}/v1/log/checkpoint"}
        stub.answers["/v1/log/checkpoint"] = [(status, b"", there)]

        ended, _, err = program(stub.url, "--key", signer.vkey)

        assert (ended, other.asked) == (3, [])
        assert str(status) in err


def test_an_entry_that_was_changed(program: Program, stub: Stub, signer: Signer):
    leaves = many()
    stub.show(leaves, signer.note(leaves))
    name = "tile/entries/001"
    stub.files[name] = stub.files[name].replace(b"a test", b"a TEST", 1)

    ended, out, _ = program(stub.url, "--key", signer.vkey)

    assert ended == 1
    assert "entry 256: " in out


@pytest.mark.parametrize("name", ["tile/entries/001", "tile/entries/002.p/88"])
def test_entries_that_are_withheld(program: Program, stub: Stub, signer: Signer, name: str):
    leaves = many()
    stub.show(leaves, signer.note(leaves))
    del stub.files[name]

    assert program(stub.url, "--key", signer.vkey)[0] == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda bundle: bundle[:-1],
        lambda bundle: bundle + b"\0",
        lambda bundle: bundle + b"\0\1x",
        lambda bundle: b"",
        lambda bundle: b"\xff" * 40,
    ],
)
def test_a_bundle_that_is_none(
    program: Program,
    stub: Stub,
    signer: Signer,
    change: Callable[[bytes], bytes],
):
    stub.show(LEAVES, signer.note(LEAVES))
    name = f"tile/entries/000.p/{len(LEAVES)}"
    stub.files[name] = change(stub.files[name])

    assert program(stub.url, "--key", signer.vkey)[0] == 1


def test_what_passes_is_tried_again(program: Program, stub: Stub, signer: Signer):
    stub.show(LEAVES, signer.note(LEAVES))
    stub.answers["/v1/log/checkpoint"] = [(503, b"", {}), (429, b"", {})]
    stub.answers[f"/v1/log/tile/0/000.p/{len(LEAVES)}"] = [(500, b"", {})]

    assert program(stub.url, "--key", signer.vkey)[0] == 0


@pytest.mark.parametrize(("status", "times"), [(401, 1), (403, 1), (418, 1), (500, 3), (503, 3)])
def test_what_stays_is_out_of_reach(
    program: Program, stub: Stub, signer: Signer, status: int, times: int
):
    stub.answers["/v1/log/checkpoint"] = [(status, b"secret page", {})] * 3

    ended, out, err = program(stub.url, "--key", signer.vkey)

    assert (ended, out) == (3, "")
    assert len(stub.asked) == times
    assert str(status) in err
    assert ("HOTSLOT_KEY" in err) == (status in (401, 403))


def test_an_answer_that_breaks_off(program: Program, stub: Stub, signer: Signer):
    cut = (200, b"half", {"Content-Length": "9"})
    stub.answers["/v1/log/checkpoint"] = [cut] * 3

    assert program(stub.url, "--key", signer.vkey)[0] == 3


def test_an_error_that_breaks_off(program: Program, stub: Stub, signer: Signer):
    stub.answers["/v1/log/checkpoint"] = [(500, b"half", {"Content-Length": "9"})] * 3

    status, _, err = program(stub.url, "--key", signer.vkey)

    assert status == 3
    assert "it answers 500" in err


def test_an_answer_without_end(
    program: Program, stub: Stub, signer: Signer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(program_, "LONGEST_ANSWER", -1)
    stub.files["checkpoint"] = b"of which there is always more"

    status, _, err = program(stub.url, "--key", signer.vkey)

    assert status == 3
    assert "takes longer" in err


def test_what_was_signed_and_is_said_to_lack_is_bad(program: Program, stub: Stub, signer: Signer):
    leaves = story().leaves
    stub.show(leaves, signer.note(leaves))
    (path,) = (name for name in stub.files if name.startswith("tile/entries/"))
    stub.answers[f"/v1/log/{path}"] = [(503, b'{"code":"log-incomplete"}', {})]

    status, out, _ = program(stub.url, "--key", signer.vkey)

    assert status == 1
    assert "entry 0: the server does not give" in out


def test_nobody_there(program: Program, signer: Signer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(program_, "WAITS", (0, 0, 0))
    (stub,) = list(serving())  # closed again by now

    assert program(stub.url, "--key", signer.vkey)[0] == 3


def test_no_more_is_read_than_there_can_be(stub: Stub):
    stub.files["checkpoint"] = b"x" * 1000

    assert Server(stub.url).get("checkpoint", 1000) == b"x" * 1000
    with pytest.raises(Bad, match="longer"):
        Server(stub.url).get("checkpoint", 999)


def test_out_of_reach_says_where(stub: Stub):
    stub.answers["/v1/log/x"] = [(500, b"", {})] * 3

    with pytest.raises(OutOfReachError, match="127"):
        Server(stub.url).get("x", 1)
