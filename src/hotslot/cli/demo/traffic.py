"""A client that knows nothing of licenses: it posts files to the nodes in turn, without pause.

Each file is unlike every other, so that it can be told whether two nodes have processed one. A node
that refuses a file, or can't be reached, has not seen it: the next one is asked. Where an answer
got lost nobody knows, so that file is sent to no other.
"""

import hashlib
import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any, NamedTuple

import httpx

from hotslot.cli.demo.narrator import StoryError
from hotslot.node.engines import eicar

MOST_FILES = 20_000
LONGEST_S = 300.0
PATIENCE_S = 30.0
LOOK_S = 0.004
"""A scan of so small a file is over in about that time."""
BREATH_S = 0.02
"""Only after nobody has taken a file: there is no use in asking thousands of times a second."""

TOOK = "took it"
SILENT = "no answer"

OK, REFUSED = 200, 503
DONE = 100
_ROLE = re.compile(r"its role is (\w+)")


class Offer(NamedTuple):
    """A file was offered to a node: when, and what came of it."""

    at: datetime
    node: str
    outcome: str
    """`TOOK`, `SILENT`, or the refusal in short."""


class Result(NamedTuple):
    """What a node said of a file that it had taken."""

    node: str
    sha256: str
    infected: bool
    """Whether the file has the EICAR test file in it."""
    verdict: str
    report: Mapping[str, Any]


@dataclass(frozen=True)
class _File:
    content: bytes
    infected: bool

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


class Traffic:
    """Posts files to nodes by their names and URLs, and notes what came of each."""

    def __init__(self, nodes: Mapping[str, str], tag: str) -> None:
        """`tag` makes the files unlike those of other clients."""
        self.offers: list[Offer] = []
        self.results: list[Result] = []
        self.in_doubt: list[str] = []
        """The SHA-256 of files whose node went silent when it may have had them."""
        self._nodes = list(nodes.items())
        self._tag = tag
        self._stop = threading.Event()
        self._failure: BaseException | None = None

    def taken_by(self, node: str) -> int:
        """How many files a node has taken so far. Raises `StoryError` when the client failed."""
        return self.met(node, TOOK)

    def met(self, node: str, outcome: str) -> int:
        """How often a node did that so far. Raises `StoryError` when the client failed."""
        if self._failure is not None:
            raise StoryError(f"The client ended: {self._failure}") from self._failure
        return sum((each.node, each.outcome) == (node, outcome) for each in self.offers.copy())

    def stop(self) -> None:
        """Send nothing more."""
        self._stop.set()

    def run(self) -> None:
        """Post files until it is told to stop. A failure is told by `met`."""
        try:
            with httpx.Client(timeout=PATIENCE_S, trust_env=False) as http:
                self._post_all(http)
        except Exception as failure:  # noqa: BLE001 - it is for the thread that looks on
            self._failure = failure

    def _post_all(self, http: httpx.Client) -> None:
        end = time.monotonic() + LONGEST_S
        turns = count()
        for number in range(MOST_FILES):
            file = _made(number, self._tag)
            while not self._offer_round(http, file, next(turns)):
                if self._stop.wait(BREATH_S):
                    return
            if self._stop.is_set():
                return
            if time.monotonic() > end:
                break
        raise StoryError("it has sent all the files that it may; the machine is too slow or fast")

    def _offer_round(self, http: httpx.Client, file: _File, turn: int) -> bool:
        """Ask each node once, another one first each time; True when the file is done with."""
        for step in range(len(self._nodes)):
            name, url = self._nodes[(turn + step) % len(self._nodes)]
            try:
                if self._offer(http, file, name, url):
                    return True
            except httpx.ConnectError:
                self._note(name, SILENT)
            except httpx.TransportError:
                self._note(name, SILENT)
                self.in_doubt.append(file.sha256)
                return True
        return False

    def _offer(self, http: httpx.Client, file: _File, name: str, url: str) -> bool:
        answer = http.post(f"{url}/file", content=file.content)
        if answer.status_code == REFUSED:
            self._note(name, _refusal(answer.json()["err"]))
            return False
        if answer.status_code != OK:
            raise StoryError(f"{name} answered {answer.status_code}: {answer.text}")
        self._note(name, TOOK)
        report = self._report(http, f"{url}/file/{answer.json()['data_id']}")
        verdict = report["scan_results"]["scan_all_result_a"]
        if verdict == "Aborted":
            return False  # given up, and without a result: the right was lost
        self.results.append(Result(name, file.sha256, file.infected, verdict, report))
        return True

    def _report(self, http: httpx.Client, url: str) -> Mapping[str, Any]:
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            try:
                answer = http.get(url)
            except httpx.ConnectError as error:
                # It has the file, so that this is no refusal.
                raise httpx.ReadError(str(error)) from error
            report: dict[str, Any] = answer.json()
            if answer.status_code != OK:
                raise StoryError(f"{url} answered {answer.status_code}: {answer.text}")
            if report["process_info"]["progress_percentage"] == DONE:
                return report
            time.sleep(LOOK_S)
        raise StoryError(f"{url} had no result after {PATIENCE_S:.0f} s")

    def _note(self, node: str, outcome: str) -> None:
        self.offers.append(Offer(datetime.now(UTC), node, outcome))


@contextmanager
def posting(nodes: Mapping[str, str], tag: str) -> Iterator[Traffic]:
    """Have a client post files to the nodes for the length of a block."""
    traffic = Traffic(nodes, tag)
    thread = threading.Thread(target=traffic.run)
    thread.start()
    try:
        yield traffic
    finally:
        traffic.stop()
        thread.join()


def refused(role: str) -> str:
    """Name the refusal of a node in this role, in short."""
    return f"503, {role}"


def _made(number: int, tag: str) -> _File:
    line = f"\nfile {number} of {tag}\n".encode()
    infected = number % 2 == 0
    return _File(eicar() + line if infected else line, infected)


def _refusal(err: str) -> str:
    found = _ROLE.search(err)
    return refused(found[1]) if found else f"503: {err}"
