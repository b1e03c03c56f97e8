"""The loop that updates by itself: at once, again after the period, and only while it may."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path

import pytest

from hotslot.node.engines import UpdateSettings
from hotslot.node.engines.sources import FolderSource, Source
from hotslot.node.engines.updating import FIRST_RETRY
from tests.node.engines.material import ALL_RIGHTS, Site, package

LIMIT = 20.0
SOON = 0.01


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A minute lasts a moment, and so does everything else that is waited for."""
    for name in ("SECONDS_PER_MINUTE", "FIRST_RETRY", "RIGHT_POLL"):
        monkeypatch.setattr(f"hotslot.node.engines.updating.{name}", SOON)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(LIMIT):
        while not condition():  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(SOON)


def running(site: Site, steps: Callable[[], Awaitable[None]]) -> None:
    """Play steps while the loop runs; then it can be ended."""

    async def play() -> None:
        loop = asyncio.create_task(site.engines.run())
        await steps()
        assert not loop.done()
        loop.cancel()
        with pytest.raises(asyncio.CancelledError):
            await loop

    asyncio.run(play())


def serial(site: Site) -> int:
    return site.engines._collection.book.serial


def test_it_updates_at_once_and_again_after_the_period(site: Site):
    site.offer({"demo": package()})

    async def steps() -> None:
        await until(lambda: serial(site) == 1)
        site.offer({"demo": package("Two")}, serial=2)
        await until(lambda: serial(site) == 2)

    running(site, steps)


def test_without_the_right_it_waits_until_it_is_there(site: Site, monkeypatch: pytest.MonkeyPatch):
    site.offer({"demo": package()})
    site.rights.clear()
    asked = []

    def may(right: str) -> bool:
        asked.append(right)
        return right in site.rights

    monkeypatch.setattr(site.engines._updates, "_may", may)

    async def steps() -> None:
        await until(lambda: len(asked) > 3)
        assert site.engines.last_update is None
        assert site.engines.listing() == []
        site.rights |= ALL_RIGHTS
        await until(lambda: serial(site) == 1)

    running(site, steps)


def test_a_failure_is_tried_again(site: Site):
    async def steps() -> None:
        await until(lambda: site.engines.last_update is not None)
        assert site.engines.last_update is not None
        assert site.engines.last_update.outcome == "download failed"
        site.offer({"demo": package()})
        await until(lambda: serial(site) == 1)

    running(site, steps)


def test_a_fault_does_not_end_it(site: Site, monkeypatch: pytest.MonkeyPatch):
    site.offer({"demo": package()})
    faults: list[str] = []
    real = FolderSource.read

    def fault(source: FolderSource, name: str) -> AsyncGenerator[bytes, None]:
        if len(faults) < 2:
            faults.append(name)
            raise ZeroDivisionError
        return real(source, name)

    monkeypatch.setattr(FolderSource, "read", fault)

    async def steps() -> None:
        await until(lambda: serial(site) == 1)

    running(site, steps)
    assert len(faults) == 2


def test_another_source_counts_at_once(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("hotslot.node.engines.updating.SECONDS_PER_MINUTE", 3600.0)
    site.offer({"demo": package()})
    pickup = tmp_path / "pickup"
    site.source.rename(pickup)
    site.source.mkdir()
    site.engines.configure(UpdateSettings(source="manual"))
    looks = []
    real = site.engines._updates._source

    def source() -> Source | None:
        looks.append(real())
        return looks[-1]

    monkeypatch.setattr(site.engines._updates, "_source", source)

    async def steps() -> None:
        await until(lambda: looks == [None])
        site.engines.configure(UpdateSettings(source="folder", folder=pickup))
        await until(lambda: serial(site) == 1)
        assert looks[0] is None

    running(site, steps)


def test_failures_are_tried_again_ever_more_seldom(site: Site, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.undo()
    updates = site.engines._updates
    site.engines.configure(UpdateSettings(period=2))
    assert [updates._delay(failures) for failures in (0, 1, 2, 4, 5, 1000)] == [
        120,
        FIRST_RETRY,
        2 * FIRST_RETRY,
        8 * FIRST_RETRY,
        120,
        120,
    ]
