"""What clients are told of a file, in the words and shapes of the Core API."""

from datetime import UTC, datetime
from enum import IntEnum

import msgspec

from hotslot.node.processing.scanner import Verdict

DONE = 100
"""Percent, when nothing more will change."""

_ALLOWED, _BLOCKED, _PROCESSING = "Allowed", "Blocked", "Processing"


class Result(IntEnum):
    """The Core's `scan_all_result_i` and `scan_result_i`, as far as they are given here."""

    NO_THREAT = 0
    INFECTED = 1
    FAILED = 3
    NOT_SCANNED = 10
    ABORTED = 11
    IN_PROGRESS = 255

    @property
    def text(self) -> str:
        """The Core's words for it."""
        return _TEXTS[self]


_TEXTS = {
    Result.NO_THREAT: "No Threat Detected",
    Result.INFECTED: "Infected",
    Result.FAILED: "Failed",
    Result.NOT_SCANNED: "Not Scanned",
    Result.ABORTED: "Aborted",
    Result.IN_PROGRESS: "In Progress",
}


class FileInfo(msgspec.Struct, frozen=True, kw_only=True):
    """The file itself."""

    display_name: str
    file_size: int
    md5: str
    sha1: str
    sha256: str
    upload_timestamp: str


class EngineResult(msgspec.Struct, frozen=True, kw_only=True):
    """What one engine said; `scan_time`, in milliseconds, is that of all: they scan together."""

    scan_result_i: int
    threat_found: str
    def_time: str
    scan_time: int


class ScanResults(msgspec.Struct, frozen=True, kw_only=True):
    """What all engines said; `total_time` in milliseconds."""

    data_id: str
    progress_percentage: int
    scan_all_result_a: str
    scan_all_result_i: int
    scan_details: dict[str, EngineResult]
    start_time: str
    total_avs: int
    total_detected_avs: int
    total_time: int


class ProcessInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What to do with the file: `Allowed`, or `Blocked` and why; `Processing` until then."""

    progress_percentage: int
    result: str
    blocked_reason: str


class Fencing(msgspec.Struct, frozen=True, kw_only=True):
    """Who processed the file, and in which term. The Core has nothing like it."""

    deployment: str
    license: str | None
    term: int | None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to `GET /file/{data_id}`."""

    data_id: str
    file_info: FileInfo
    process_info: ProcessInfo
    scan_results: ScanResults
    hotslot: Fencing

    @property
    def is_done(self) -> bool:
        """Whether it will not change any more."""
        return self.process_info.progress_percentage == DONE

    @property
    def is_verdict(self) -> bool:
        """Whether it says something about the file, and not only what became of the work on it."""
        return self.is_done and self.scan_results.scan_all_result_i != Result.ABORTED


def core_time(moment: datetime) -> str:
    """A time as the Core writes it, in UTC: `2026-01-31T12:00:00.000Z`."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.removesuffix("+00:00") + "Z"


def begun(data_id: str, file: FileInfo, fencing: Fencing) -> Report:
    """The report of a file that was taken in, and waits for its scan."""
    return Report(
        data_id=data_id,
        file_info=file,
        process_info=ProcessInfo(progress_percentage=0, result=_PROCESSING, blocked_reason=""),
        scan_results=ScanResults(
            data_id=data_id,
            progress_percentage=0,
            scan_all_result_a=Result.IN_PROGRESS.text,
            scan_all_result_i=Result.IN_PROGRESS,
            scan_details={},
            start_time=core_time(datetime.now(UTC)),
            total_avs=0,
            total_detected_avs=0,
            total_time=0,
        ),
        hotslot=fencing,
    )


def under_way(report: Report, progress: int) -> Report:
    """The same file while it is scanned; never 100 percent before there is a result."""
    progress = min(progress, DONE - 1)
    replace = msgspec.structs.replace
    return replace(
        report,
        process_info=replace(report.process_info, progress_percentage=progress),
        scan_results=replace(report.scan_results, progress_percentage=progress),
    )


def scanned(report: Report, verdict: Verdict, seconds: float) -> Report:
    """The report with what the engines said. With no word from any of them the file is blocked."""
    milliseconds = round(seconds * 1000)
    details: dict[str, EngineResult] = {}
    for finding in verdict.findings:
        # Names need not be unique, and no engine's word may be lost.
        name = finding.name if finding.name not in details else finding.engine
        details[name] = EngineResult(
            scan_result_i=Result.INFECTED if finding.threats else Result.NO_THREAT,
            threat_found=", ".join(finding.threats),
            def_time=core_time(finding.made_at),
            scan_time=milliseconds,
        )
    if any(finding.threats for finding in verdict.findings):
        result = Result.INFECTED
    else:
        result = Result.NO_THREAT if verdict.findings else Result.NOT_SCANNED
    allowed = result is Result.NO_THREAT
    return _done(report, result, "" if allowed else result.text, details, milliseconds)


def failed(report: Report, why: str) -> Report:
    """The report of a scan that came to no end by a fault here."""
    return _done(report, Result.FAILED, why, {}, 0)


def dropped(report: Report, why: str) -> Report:
    """The report of work that was given up: it says nothing about the file."""
    return _done(report, Result.ABORTED, why, {}, 0)


def _done(
    report: Report,
    result: Result,
    blocked_reason: str,
    details: dict[str, EngineResult],
    milliseconds: int,
) -> Report:
    replace = msgspec.structs.replace
    return replace(
        report,
        process_info=ProcessInfo(
            progress_percentage=DONE,
            result=_ALLOWED if result is Result.NO_THREAT else _BLOCKED,
            blocked_reason=blocked_reason,
        ),
        scan_results=replace(
            report.scan_results,
            progress_percentage=DONE,
            scan_all_result_a=result.text,
            scan_all_result_i=int(result),
            scan_details=details,
            total_avs=len(details),
            total_detected_avs=sum(
                detail.scan_result_i == Result.INFECTED for detail in details.values()
            ),
            total_time=milliseconds,
        ),
    )
