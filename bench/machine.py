"""What the figures were taken on."""

import os
import platform
import statistics
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import msgspec
import psycopg

PACKAGES = ("fastapi", "uvicorn", "uvloop", "httptools", "psycopg", "pydantic", "msgspec")
FSYNC_SAMPLES = 300
PAGE = b"\0" * 8192


class Machine(msgspec.Struct, frozen=True):
    """The machine, and the software that counts."""

    at: datetime
    cpu: str
    cores: int
    memory_gib: float
    kernel: str
    python: str
    postgresql: str
    packages: dict[str, str]
    fsync_us: float
    """Median time to write 8 KiB and make it durable, in microseconds, where the data lies."""
    load_before: float
    """Load average of the last minute when the run began: what else the machine was doing."""


def describe(database_url: str, folder: Path) -> Machine:
    """Describe this machine; `folder` lies on the disk that the database uses."""
    with psycopg.connect(database_url) as connection:
        row = connection.execute("SHOW server_version").fetchone()
    assert row is not None
    return Machine(
        at=datetime.now(UTC).replace(microsecond=0),
        cpu=_cpu(),
        cores=len(os.sched_getaffinity(0)),
        memory_gib=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        kernel=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        postgresql=str(row[0]),
        packages={name: version(name) for name in PACKAGES},
        fsync_us=round(_fsync_seconds(folder / "fsync-probe") * 1e6, 1),
        load_before=round(os.getloadavg()[0], 2),
    )


def _cpu() -> str:
    """Name the processor; a virtual one may have nothing but a family and a model number."""
    facts: dict[str, str] = {}
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        key, _, value = line.partition(":")
        facts.setdefault(key.strip(), value.strip())
    name = facts.get("model name", "unknown")
    if name in {"", "unknown"}:
        name = (
            f"{facts.get('vendor_id', platform.machine())} family {facts.get('cpu family', '?')} "
            f"model {facts.get('model', '?')}"
        )
    return name


def _fsync_seconds(probe: Path) -> float:
    taken = []
    with probe.open("wb", buffering=0) as file:
        for _ in range(FSYNC_SAMPLES):
            file.seek(0)
            began = time.perf_counter()
            file.write(PAGE)
            os.fdatasync(file.fileno())
            taken.append(time.perf_counter() - began)
    probe.unlink()
    return statistics.median(taken)
