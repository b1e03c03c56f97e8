"""Reports on disk: one JSON file each, as clients get it."""

import contextlib
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import structlog

from hotslot.node.atomic_file import write_private
from hotslot.node.processing import report as reports
from hotslot.node.processing.report import Report

_RESTARTED = (
    "This instance was stopped before the scan was over, and does not take it up again: the file "
    "may have been processed elsewhere meanwhile. Send it again."
)

_log = structlog.get_logger(__name__)


class _Kept(msgspec.Struct, frozen=True):
    hashes: tuple[str, ...]
    since: datetime


class Results:
    """The reports of one instance, bounded in number and age: the oldest ones go.

    What is written is seen by nobody before `publish`, which takes no time: so whoever publishes
    can look at the right to do so in the same breath.
    """

    def __init__(
        self,
        folder: Path,
        *,
        most: int,
        days: float,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Take up what is there; work that a former process has left unfinished is dropped.

        Raises:
            OSError: the folder can't be read or written to.

        """
        self._shown = folder / "results"
        self._unseen = folder / "unseen"
        self._most = most
        self._age = timedelta(days=days)
        self._now = now
        self._kept: dict[str, _Kept] = {}  # oldest first
        self._by_hash: dict[str, str] = {}
        self._shown.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Nobody has seen these, and whether the right was still there is not known any more.
        shutil.rmtree(self._unseen, ignore_errors=True)
        self._unseen.mkdir(mode=0o700)
        self._take_up()

    def write(self, report: Report) -> None:
        """Put a report on disk, unseen. It blocks.

        Raises:
            OSError: the disk is full, or can't be written to.

        """
        write_private(self._unseen / _name(report.data_id), msgspec.json.encode(report))

    def publish(self, report: Report) -> None:
        """Show a report that was written, in the place of the former one about the same file.

        Raises:
            OSError: it can't be shown.

        """
        name = _name(report.data_id)
        (self._unseen / name).replace(self._shown / name)
        self._index(report)
        self._forget_old()

    def discard(self, data_id: str) -> None:
        """Remove a report that was written, and must not be seen."""
        with contextlib.suppress(OSError):
            (self._unseen / _name(data_id)).unlink()

    def read(self, data_id: str) -> bytes | None:
        """A report as JSON; None when there is none, or none any more. It blocks."""
        kept = self._kept.get(data_id)
        if kept is None or self._is_old(kept):
            return None
        try:
            return (self._shown / _name(data_id)).read_bytes()
        except FileNotFoundError:
            return None

    def newest(self, digest: str) -> str | None:
        """The id of the newest verdict on the file with this MD5, SHA-1 or SHA-256."""
        return self._by_hash.get(digest.lower())

    def _take_up(self) -> None:
        found = []
        for path in self._shown.iterdir():
            try:
                report = msgspec.json.decode(path.read_bytes(), type=Report)
            except msgspec.DecodeError as error:
                _log.error("result-damaged", file=str(path), detail=str(error))
                path.unlink()
                continue
            found.append(report)
        for report in sorted(found, key=lambda report: report.file_info.upload_timestamp):
            if report.is_done:
                self._index(report)
            else:
                self._drop_unfinished(report)
        self._forget_old()

    def _drop_unfinished(self, report: Report) -> None:
        given_up = reports.dropped(report, _RESTARTED)
        self.write(given_up)
        self.publish(given_up)
        _log.warning(
            "file-dropped",
            data_id=report.data_id,
            sha256=report.file_info.sha256,
            detail=_RESTARTED,
            **msgspec.structs.asdict(report.hotslot),
        )

    def _index(self, report: Report) -> None:
        file = report.file_info
        hashes = (file.sha256, file.sha1, file.md5) if report.is_verdict else ()
        since = datetime.fromisoformat(file.upload_timestamp)
        self._kept[report.data_id] = _Kept(hashes, since)
        for digest in hashes:
            self._by_hash[digest] = report.data_id

    def _forget_old(self) -> None:
        while self._kept:
            data_id = next(iter(self._kept))
            kept = self._kept[data_id]
            if len(self._kept) <= self._most and not self._is_old(kept):
                return
            del self._kept[data_id]
            for digest in kept.hashes:
                if self._by_hash.get(digest) == data_id:
                    del self._by_hash[digest]
            with contextlib.suppress(FileNotFoundError):
                (self._shown / _name(data_id)).unlink()

    def _is_old(self, kept: _Kept) -> bool:
        return self._now() - kept.since > self._age


def _name(data_id: str) -> str:
    return f"{data_id}.json"
