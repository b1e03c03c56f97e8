"""hotslot-verify: verify an export, or a live server, against the log's key and the rules.

SOURCE is a folder or a .zip that `hotslot audit export` made, or the URL of a server; then an API
key that may read the whole trail belongs in HOTSLOT_KEY. --last FILE keeps the last good checkpoint
and demands that the log continues it: give it every time, and whoever rolls the log back or shows
you another one is caught. All that is verified stands in one file, hotslot_verify/verify.py.

SOURCE can also be a receipt, a .tlog-proof file: the proof that one entry is in the log.

Exit status: 0 good, 1 bad, 2 wrong usage, 3 out of reach.
"""

import argparse
import contextlib
import gc
import http
import http.client
import json
import os
import re
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from hotslot_verify.receipt import FORM, verify_receipt
from hotslot_verify.verify import (
    WIDTH,
    Bad,
    Checkpoint,
    Key,
    need,
    read_checkpoint,
    read_key,
    tile_path,
    verify,
)

LONGEST = 65_535
"""Bytes that a leaf has at most."""

SMALL = 65_536
"""Bytes that a checkpoint has at most."""

RECEIPT = 2 * LONGEST + SMALL
"""Bytes that a receipt has at most: an entry in base64, hashes, and a checkpoint."""

WAITS = (1, 2, 0)
"""Seconds to wait behind each attempt to get something from a server."""

LISTED = 20
"""Notices that people are shown."""


TIMEOUT = 30
"""Seconds of silence that a server may take."""

LONGEST_ANSWER = 120
"""Seconds that a whole answer may take."""


class OutOfReachError(Exception):
    """The log could not be read, which says nothing about it."""


class UsageError(Exception):
    """What was given on the command line can't be used."""


class Report(NamedTuple):
    """What was found. A problem makes the log bad; a notice does not."""

    checkpoint: Checkpoint | None
    problems: list[Bad]
    notices: list[str]
    proven: tuple[int, str] | None = None
    """Of a receipt: the index of the entry, counted from 0, and the entry."""


class Export:
    """An export, a folder or a .zip: read where it lies, nothing is unpacked."""

    def __init__(self, path: str) -> None:
        self._root: Any = Path(path) if Path(path).is_dir() else zipfile.Path(path)

    def get(self, name: str, limit: int) -> bytes | None:
        """The bytes of a file; None when it is not there."""
        if not (self._root / name).is_file():
            return None
        with (self._root / name).open("rb") as file:
            return _within(limit, file.read(limit + 1), name)

    def leaves(self, size: int) -> Iterator[list[bytes]]:
        """All leaves, in lists of 256."""
        name, lines, rest = "entries.ndjson", list[bytes](), b""
        need((self._root / name).is_file(), "entries", f"there is no {name}")
        with (self._root / name).open("rb") as file:
            while block := file.read(1 << 20):
                *more, rest = (rest + block).split(b"\n")
                lines += more
                _within(LONGEST, max([rest, *more], key=len), f"a line of {name}")
                for start in range(0, len(lines) - WIDTH + 1, WIDTH):
                    yield lines[start : start + WIDTH]
                del lines[: len(lines) // WIDTH * WIDTH]
        yield lines + [rest] * bool(rest)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """Go nowhere else with the credential."""


class Server:
    """A live server, by its tiles."""

    def __init__(self, url: str) -> None:
        self._base = url.rstrip("/").removesuffix("/v1/log") + "/v1/log/"
        key = os.environ.get("HOTSLOT_KEY", "").strip()
        if not (key.isascii() and key.isprintable()):
            raise OutOfReachError("HOTSLOT_KEY is no API key: it has characters that no key has")
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._opener = urllib.request.build_opener(_NoRedirect)

    def get(self, name: str, limit: int) -> bytes | None:
        """What the server has under the name; None when it has nothing. Tried three times."""
        request = urllib.request.Request(self._base + name, headers=self._headers)  # noqa: S310
        problem = ""
        for wait in WAITS:
            try:
                with self._opener.open(request, timeout=TIMEOUT) as answer:
                    return _read(answer, limit, name)
            except urllib.error.HTTPError as error:
                # Whatever was signed had been there: what lacks now was taken away.
                with contextlib.suppress(OSError, http.client.HTTPException, Bad):
                    if b'"log-incomplete"' in _read(error, SMALL, name):
                        return None
                if error.code == http.HTTPStatus.NOT_FOUND:
                    return None
                problem = f"it answers {error.code}"
                if error.code in (401, 403):
                    problem += "; an API key that may read the whole trail belongs in HOTSLOT_KEY"
                if error.code < 500 and error.code != http.HTTPStatus.TOO_MANY_REQUESTS:
                    break
            except (OSError, http.client.HTTPException, ValueError) as error:
                problem = str(error)
            time.sleep(wait)
        raise OutOfReachError(f"{self._base}{name}: {problem}")

    def leaves(self, size: int) -> Iterator[list[bytes]]:
        """All leaves, in lists of 256."""
        for start in range(0, size, WIDTH):
            width = min(WIDTH, size - start)
            path = tile_path("entries", start // WIDTH, width)
            bundle, leaves, at = self.get(path, width * (2 + LONGEST)), list[bytes](), 0
            if bundle is None:
                raise Bad("entries", f"the server does not give {path}", start)
            while at < len(bundle):
                end = at + 2 + int.from_bytes(bundle[at : at + 2], "big")
                leaves.append(bundle[at + 2 : end])
                at = end
            if at != len(bundle) or len(leaves) != width:
                raise Bad("entries", f"{path} does not have {width} entries", start)
            yield leaves


def _read(answer: Any, limit: int, name: str) -> bytes:
    """All of an answer, in as long as one may take."""
    data, ends = b"", time.monotonic() + LONGEST_ANSWER
    while chunk := answer.read1(1 << 16):
        data = _within(limit, data + chunk, name)
        if time.monotonic() > ends:
            raise TimeoutError(f"the answer takes longer than {LONGEST_ANSWER} s")
    if answer.length:  # what is still to come, and never did
        raise http.client.IncompleteRead(data, answer.length)
    return data


def _within(limit: int, data: bytes, name: str) -> bytes:
    need(len(data) <= limit, "entries", f"{name} is longer than it may be")
    return data


def open_source(named: str) -> Export | Server:
    """The log that was named on the command line."""
    return Server(named) if "://" in named else Export(named)


def main() -> int:
    """Run the program, and tell its exit status."""
    parser = argparse.ArgumentParser(
        "hotslot-verify", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("source", metavar="SOURCE", help="folder, .zip, URL or receipt")
    parser.add_argument(
        "--key", metavar="VKEY|FILE", action="append", required=True, help="whom to trust; repeat"
    )
    parser.add_argument("--last", metavar="FILE", type=Path, help="the last good checkpoint")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--quiet", action="store_true", help="print problems only")
    asked = parser.parse_args()
    try:
        keys = _read_keys(asked.key)
        if "://" in asked.source:
            if not re.fullmatch(r"https?://[!-?A-Z\[-~]+", asked.source):
                raise ValueError("a URL begins with http:// or https://, is ASCII, has no user")
            urllib.parse.urlsplit(asked.source)
    except (OSError, ValueError) as error:
        parser.error(_shown(error))
    say = sys.stderr.write if sys.stderr.isatty() and not asked.quiet else len
    try:
        last = _Last(asked.last, keys)
        note, report = _verify(asked.source, keys, last, say)
    except Bad as bad:
        report = Report(None, [bad], [])
    except UsageError as error:
        parser.error(_shown(error))
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        return _nothing_known(f"the .zip can't be read, or a process was ended: {error}")
    except (OutOfReachError, OSError) as error:
        return _nothing_known(f"out of reach: {error}")
    except KeyboardInterrupt:
        print("hotslot-verify: interrupted, so nothing was verified", file=sys.stderr)
        return 130
    say("\r\x1b[K")
    if asked.json:
        print(json.dumps(_told(report)))
    else:
        _print(report, quiet=asked.quiet)
    if report.problems:
        return 1
    try:
        last.keep(note)
    except (OSError, UsageError) as error:
        return _nothing_known(f"verified, but --last can't be written: {error}")
    return 0


def _nothing_known(text: str) -> int:
    print(f"hotslot-verify: {_shown(text)}", file=sys.stderr)
    return 3


def _read_keys(given: Sequence[str]) -> list[Key]:
    texts = [Path(key).read_text("utf-8") if Path(key).is_file() else key for key in given]
    keys = [read_key(line) for text in texts for line in text.split()]
    if not keys:
        raise ValueError("--key: there is no verifier key in it")
    return keys


def _verify(source: str, keys: Sequence[Key], last: "_Last", say: Any) -> tuple[bytes, Report]:
    if (receipt := _receipt(source)) is not None:
        if last.path is not None:
            raise UsageError("--last is for whole logs, and this is the proof of one entry")
        checkpoint, index, entry = verify_receipt(receipt, keys)
        return b"", Report(checkpoint, [], [], (index, entry))
    note = open_source(source).get("checkpoint", SMALL)
    if note is None:
        raise OutOfReachError(f"{source} has no checkpoint")
    return note, Report(*verify(partial(open_source, source), note, keys, last.before, say))


def _receipt(source: str) -> bytes | None:
    """What is in the file that was named, if that is a receipt."""
    if "://" in source or not Path(source).is_file():
        return None
    with Path(source).open("rb") as file:
        content = file.read(RECEIPT + 1)
    return _within(RECEIPT, content, source) if content.startswith(FORM) else None


class _Last:
    """The file of the last good checkpoint, if one was named."""

    def __init__(self, path: Path | None, keys: Sequence[Key]) -> None:
        self.path, self._keys = path, keys
        self.before = self._present()

    def _present(self) -> Checkpoint | None:
        if self.path is None or not self.path.exists():
            return None
        try:
            return read_checkpoint(self.path.read_bytes()[:SMALL], self._keys)
        except Bad as bad:
            raise UsageError(
                f"--last {self.path}: {bad.text}. If the log's key has changed since, give the "
                "former one with a further --key"
            ) from None
        except OSError as error:
            raise UsageError(f"--last {self.path}: {error}") from None

    def keep(self, note: bytes) -> None:
        """Write the checkpoint there, unless another run has kept a larger one meanwhile."""
        present = self._present()
        if self.path is None or (
            present is not None and present.size > read_checkpoint(note, self._keys).size
        ):
            return
        with tempfile.NamedTemporaryFile(
            dir=self.path.parent, prefix=self.path.name, delete=False
        ) as new:
            new.write(note)
        Path(new.name).replace(self.path)


def _told(report: Report) -> dict[str, Any]:
    told: dict[str, Any] = {
        "good": not report.problems,
        "problems": [
            {"rule": bad.rule, "index": bad.index, "text": bad.text} for bad in report.problems
        ],
        "notices": report.notices,
    }
    if (signed := report.checkpoint) is not None:
        told |= {"origin": signed.origin, "size": signed.size, "root": signed.root.hex()}
        told |= {"key": signed.key, "at": signed.at and signed.at.isoformat()}
    if report.proven is not None:
        told |= {"index": report.proven[0], "entry": report.proven[1]}
    return told


def _print(report: Report, *, quiet: bool) -> None:
    for bad in report.problems:
        where = "" if bad.index is None else f"entry {bad.index}: "
        print(f"BAD     {where}{_shown(bad.text)} [{bad.rule}]")
    if quiet:
        return
    for notice in report.notices[:LISTED]:
        print(f"notice  {_shown(notice)}")
    if len(report.notices) > LISTED:
        print(f"notice  and {len(report.notices) - LISTED} more, all of which --json has")
    if (signed := report.checkpoint) is not None and not report.problems:
        at = f" at {signed.at:%Y-%m-%d %H:%M:%S} UTC" if signed.at else ""
        print(f"GOOD    {_shown(signed.origin)}: {signed.size:,} entries, signed{at}")
        if report.proven is None:
            print(
                "        every entry is what was signed, none is missing, and the rules were kept"
            )
        else:
            print(f"        entry {report.proven[0]} of them is this one:")
            print(_line(report.proven[1]))


def _shown(text: object) -> str:
    """What a stranger may have written, safe for a terminal and not too long."""
    return str(text).encode("unicode_escape").decode()[:300]


def _line(entry: str) -> str:
    """An entry, which stays JSON, safe for a terminal."""
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in entry)


def run() -> None:
    """The console script."""
    # Nothing here goes in circles, and to look for that among a million objects takes its time.
    gc.disable()
    try:
        sys.exit(main())
    finally:
        gc.enable()
