"""Files from the first byte to the report."""

import asyncio
import os
import shutil
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import structlog

from hotslot.node.processing import report as reports
from hotslot.node.processing.report import Fencing, FileInfo, Report
from hotslot.node.processing.results import Results
from hotslot.node.processing.right import NotActiveError, RightToProcess, Warrant
from hotslot.node.processing.scanner import Scanner, Verdict
from hotslot.node.processing.upload import Spooled, receive

# What is read at once to be scanned. The right is looked at before each.
_CHUNK = 1 << 18

# Of all places, one client has at most a quarter for files on their way in.
_SHARE = 4

_log = structlog.get_logger(__name__)


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How much one instance takes on."""

    file_bytes: int = 2 << 30
    """The largest file that is taken."""
    files: int = 200
    """Files on their way in, waiting and being scanned, together."""
    scans: int = os.cpu_count() or 1
    """Scans at the same time, each in a thread."""
    kept: int = 10_000
    """Reports kept; the oldest go."""
    kept_days: float = 30
    """Days that a report is kept."""


class FileRefusedError(Exception):
    """A file is not taken in, for the reason that the message gives."""

    status = 500
    """The Core's HTTP status for it."""


class LengthMissingError(FileRefusedError):
    """The request doesn't say how long the file is."""

    status = 411


class EmptyFileError(FileRefusedError):
    """There is nothing to scan."""

    status = 422


class FileTooLargeError(FileRefusedError):
    """It is larger than what is taken here."""

    status = 413


class TooBusyError(FileRefusedError):
    """As many files as are taken at once are here, or on their way from this client."""

    status = 503


class NoRoomError(FileRefusedError):
    """The disk has no room for it."""

    status = 400


class Processing:
    """Takes files in, has them scanned, and answers for them. For the event loop only.

    The right to process is looked at before the first byte, with each further one, before and
    during the scan, and in the moment in which the result is shown. Lost in between, the work is
    dropped, and the report says that, whatever a scanner has found meanwhile.
    """

    def __init__(
        self,
        folder: Path,
        deployment: str,
        right: RightToProcess,
        scanner: Scanner,
        limits: Limits | None = None,
    ) -> None:
        """Take up the reports of a former process from the folder.

        Raises:
            OSError: the folder can't be read or written to.

        """
        self._limits = limits or Limits()
        self._deployment = deployment
        self._right = right
        self._scanner = scanner
        self._results = Results(folder, most=self._limits.kept, days=self._limits.kept_days)
        self._spool = folder / "spool"
        shutil.rmtree(self._spool, ignore_errors=True)
        self._spool.mkdir(mode=0o700)
        self._threads = ThreadPoolExecutor(self._limits.scans, thread_name_prefix="scan")
        self._taken = 0
        self._arriving: Counter[str] = Counter()  # by the client's address
        self._jobs: dict[str, _Job] = {}
        self._unkept: dict[str, Report] = {}  # oldest first
        self._tasks: set[asyncio.Task[None]] = set()

    def check_right(self) -> None:
        """Raise `NotActiveError` when no file may be taken now."""
        with self._right.take():
            pass

    async def submit(
        self, body: AsyncIterator[bytes], *, length: int | None, name: str, client: str
    ) -> str:
        """Take a file in, to be scanned soon; its `data_id`. `client` is who sends it.

        Raises:
            NotActiveError: this instance may not process, or may not any more.
            FileRefusedError: it is not taken for another reason.
            StalledError: the client has stopped sending, or sends too slowly.

        """
        with ExitStack() as stack:
            warrant = stack.enter_context(self._right.take())
            self._check(length, client)
            self._taken += 1
            stack.callback(self._free_place)
            with self._arrival(client):
                job = await self._take_in(warrant, body, name)
            work = self._process(job, stack.pop_all())
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return job.report.data_id

    async def report(self, data_id: str) -> bytes | None:
        """The report of a file as JSON, finished or not; None when nothing is known of it."""
        if job := self._jobs.get(data_id):
            return msgspec.json.encode(reports.under_way(job.report, job.progress))
        if unkept := self._unkept.get(data_id):
            return msgspec.json.encode(unkept)
        return await asyncio.to_thread(self._results.read, data_id)

    async def report_by_hash(self, digest: str) -> bytes | None:
        """The newest verdict on a file with this MD5, SHA-1 or SHA-256, as JSON."""
        data_id = self._results.newest(digest)
        return None if data_id is None else await asyncio.to_thread(self._results.read, data_id)

    async def close(self) -> None:
        """Drop what is under way, and take nothing any more."""
        await self._right.quiesce(until_resumed=True)
        await asyncio.gather(*self._tasks)
        self._threads.shutdown()

    @contextmanager
    def _arrival(self, client: str) -> Iterator[None]:
        self._arriving[client] += 1
        try:
            yield
        finally:
            self._arriving[client] -= 1
            if not self._arriving[client]:
                del self._arriving[client]

    def _check(self, length: int | None, client: str) -> None:
        if length is None:
            raise LengthMissingError("Content-Length header is missing from the request.")
        if length == 0:
            raise EmptyFileError("File is empty.")
        if length > self._limits.file_bytes:
            raise FileTooLargeError(
                f"The file has {length} bytes, and this instance takes at most "
                f"{self._limits.file_bytes}. An operator may allow more."
            )
        if self._taken >= self._limits.files:
            raise TooBusyError("Server is too busy. Try again later.")
        # One that sends slowly, or nothing more, leaves places for others.
        most = max(1, self._limits.files // _SHARE)
        if self._arriving[client] >= most:
            raise TooBusyError(
                f"Server is too busy for more from this client. It sends {most} files already, "
                "which is the most at once. Send the next when one of them has come in."
            )
        if length > shutil.disk_usage(self._spool).free:
            raise NoRoomError(
                "This instance has not enough free disk space for the file. Send it to another, "
                "or try again later."
            )

    async def _take_in(self, warrant: Warrant, body: AsyncIterator[bytes], name: str) -> "_Job":
        data_id = uuid.uuid4().hex
        uploaded_at = reports.core_time(datetime.now(UTC))
        try:
            file = await receive(body, self._spool / data_id, warrant)
            report = reports.begun(
                data_id,
                FileInfo(
                    display_name=name,
                    file_size=file.size,
                    md5=file.md5,
                    sha1=file.sha1,
                    sha256=file.sha256,
                    upload_timestamp=uploaded_at,
                ),
                Fencing(deployment=self._deployment, license=warrant.license, term=warrant.term),
            )
            job = _Job(report, file, warrant)
            try:
                await asyncio.to_thread(self._results.write, report)
                warrant.check()
                self._results.publish(report)
            except BaseException:
                self._results.discard(data_id)
                await asyncio.to_thread(job.remove)
                raise
        except OSError as error:
            _log.error("file-not-kept", data_id=data_id, detail=error.strerror)
            raise NoRoomError(
                f"The file can't be kept here: {error.strerror}. Send it to another instance, or "
                "try again later."
            ) from error
        self._jobs[data_id] = job
        _log.info("file-accepted", **job.identity)
        return job

    async def _process(self, job: "_Job", stack: ExitStack) -> None:
        with stack:
            try:
                report = await self._scanned(job)
                await self._show(job, report)
            except NotActiveError as error:
                await self._drop(job, error)
            finally:
                await asyncio.to_thread(job.remove)
                del self._jobs[job.report.data_id]

    def _free_place(self) -> None:
        self._taken -= 1

    async def _scanned(self, job: "_Job") -> Report:
        """The report with what the engines say, or with why they say nothing.

        Raises:
            NotActiveError: the right was lost before the scan or while it went on.

        """
        loop = asyncio.get_running_loop()
        try:
            verdict, seconds = await loop.run_in_executor(self._threads, job.scan, self._scanner)
        except NotActiveError:
            raise
        except Exception:  # noqa: BLE001 - whatever an engine does, the client gets an answer
            _log.exception("scan-failed", **job.identity)
            return reports.failed(job.report, "The scan failed by a fault of this instance.")
        return reports.scanned(job.report, verdict, seconds)

    async def _show(self, job: "_Job", report: Report) -> None:
        try:
            await asyncio.to_thread(self._results.write, report)
            job.warrant.check()
            # No waiting between the look at the right and this.
            self._results.publish(report)
        except OSError as error:
            self._not_kept(job, error)
        else:
            result = report.scan_results.scan_all_result_a
            _log.info("file-processed", result=result, **job.identity)

    async def _drop(self, job: "_Job", error: NotActiveError) -> None:
        _log.warning("file-dropped", detail=str(error), **job.identity)
        report = reports.dropped(
            job.report, f"The work on this file was given up, and it has no result. {error}"
        )
        try:
            await asyncio.to_thread(self._results.write, report)
            self._results.publish(report)
        except OSError as fault:
            self._not_kept(job, fault)

    def _not_kept(self, job: "_Job", error: OSError) -> None:
        """Answer without the disk. After a restart the file is one that was dropped."""
        _log.error("result-not-kept", detail=error.strerror, **job.identity)
        why = f"The result can't be kept by this instance: {error.strerror}. Send the file again."
        self._unkept[job.report.data_id] = reports.failed(job.report, why)
        while len(self._unkept) > self._limits.files:
            del self._unkept[next(iter(self._unkept))]


class _Job:
    """One file that was taken in."""

    def __init__(self, report: Report, file: Spooled, warrant: Warrant) -> None:
        self.report = report
        self.warrant = warrant
        self.identity = {
            "data_id": report.data_id,
            "sha256": file.sha256,
            **msgspec.structs.asdict(report.hotslot),
        }
        self._file = file
        self._read = 0

    @property
    def progress(self) -> int:
        """Percent of the file that the engines have seen."""
        return 100 * self._read // self._file.size

    def scan(self, scanner: Scanner) -> tuple[Verdict, float]:
        """What the engines say, and how many seconds they took. It blocks.

        Raises:
            NotActiveError: the right was lost.

        """
        self.warrant.check()
        began = time.monotonic()
        verdict = scanner.scan(self._chunks())
        return verdict, time.monotonic() - began

    def remove(self) -> None:
        """Remove the file. It blocks."""
        with suppress(OSError):
            self._file.path.unlink()

    def _chunks(self) -> Iterator[bytes]:
        with self._file.path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                self.warrant.check()
                yield chunk
                self._read += len(chunk)
