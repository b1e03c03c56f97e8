"""Rights: without them nothing is downloaded, taken in or deployed, whenever they are lost."""

from collections.abc import AsyncGenerator
from typing import Any

import pytest

from hotslot.node.engines import NotAllowedError
from hotslot.node.engines.sources import FolderSource
from tests.node.engines.material import ALL_RIGHTS, Site, package

MARKED = b"here is a marker of some bytes, in a file"


def test_without_the_right_nothing_is_downloaded_and_the_answer_says_what_to_do(site: Site):
    site.offer({"demo": package()})
    site.rights.clear()
    with pytest.raises(NotAllowedError, match=r"may not download engines: .*register it as"):
        site.update()
    assert site.engines.listing() == []
    last = site.engines.last_update
    assert last is not None
    assert last.outcome == "refused"


@pytest.mark.parametrize(
    ("right", "what"),
    [("engines.upload", "take in engine packages"), ("engines.deploy", "deploy engines")],
)
def test_without_the_right_nothing_is_uploaded(site: Site, right: str, what: str):
    site.rights.remove(right)
    with pytest.raises(NotAllowedError, match=f"may not {what}.*Activate it"):
        site.upload(package())
    assert site.engines.listing() == []
    assert site.leftovers() == []


def test_without_the_right_to_deploy_what_was_downloaded_waits(site: Site):
    site.offer({"demo": package()})
    site.rights.remove("engines.deploy")
    with pytest.raises(NotAllowedError, match="deploy"):
        site.update()
    assert (site.row()["state"], site.row()["active"]) == ("downloaded", False)
    assert "may not deploy engines" in site.row()["reason"]
    site.rights |= ALL_RIGHTS
    (site.source / "demo.engine").unlink()
    assert site.update().outcome == "done"
    assert site.found(MARKED) == ("Threat",)


def test_without_the_right_to_deploy_nothing_is_removed(site: Site):
    site.offer({"demo": package()})
    site.update()
    site.offer({}, serial=2)
    site.rights.remove("engines.deploy")
    with pytest.raises(NotAllowedError):
        site.update()
    assert site.found(MARKED) == ("Threat",)


def test_a_right_that_is_lost_ends_a_download(site: Site, monkeypatch: pytest.MonkeyPatch):
    site.offer({"demo": package()})
    real = FolderSource.read

    async def losing(source: FolderSource, name: str) -> AsyncGenerator[bytes, None]:
        async for piece in real(source, name):
            yield piece[:10]
            if name == "index.json":
                yield piece[10:]
            else:
                site.rights.clear()
                yield piece[10:]
                pytest.fail("it went on")

    monkeypatch.setattr(FolderSource, "read", losing)
    with pytest.raises(NotAllowedError):
        site.update()
    assert site.row()["state"] == "download failed"
    assert "may not download engines" in site.row()["reason"]
    assert site.leftovers() == []


def test_a_right_that_is_lost_while_staging_ends_it(site: Site, monkeypatch: pytest.MonkeyPatch):
    real = site.engines._collection._shelf.deploy

    def deploy(*arguments: Any) -> Any:
        site.rights.clear()
        return real(*arguments)

    monkeypatch.setattr(site.engines._collection._shelf, "deploy", deploy)
    with pytest.raises(NotAllowedError):
        site.upload(package())
    assert site.found(MARKED) == ()
    assert site.leftovers() == []
