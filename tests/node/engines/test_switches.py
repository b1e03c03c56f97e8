"""Engines that are enabled, disabled, pinned, unpinned, or taken in by hand."""

import pytest

from hotslot.node.engines import EngineError, UnknownEngineError
from tests.node.engines.material import Site, package

MARKED = b"here is a marker of some bytes, in a file"


def test_a_disabled_engine_is_not_scanned_with_and_is_kept_up_to_date(site: Site):
    site.offer({"demo": package("One")})
    site.update()
    site.engines.disable("demo")
    assert (site.row()["active"], site.found(MARKED)) == (False, ())
    site.start()
    assert (site.row()["active"], site.found(MARKED)) == (False, ())
    site.offer({"demo": package("Two")}, serial=2)
    site.update()
    assert (site.row()["active"], site.found(MARKED)) == (False, ())
    site.engines.enable("demo")
    assert (site.row()["active"], site.found(MARKED)) == (True, ("Two",))


def test_a_pinned_engine_stays_as_it_is_until_it_is_unpinned(site: Site):
    site.offer({"demo": package("One")})
    site.update()
    site.engines.pin("demo")
    site.start()
    assert site.row()["pinned"]
    site.offer({"demo": package("Two")}, serial=2)
    assert site.update().outcome == "done"
    with pytest.raises(EngineError, match=r"demo is pinned to its version\. Unpin it first"):
        site.upload(package("Two"))
    site.offer({}, serial=3)
    site.update()
    assert site.found(MARKED) == ("One",)
    site.engines.unpin("demo")
    site.offer({"demo": package("Two")}, serial=4)
    site.update()
    assert site.found(MARKED) == ("Two",)


def test_what_is_not_in_use_cannot_be_pinned(site: Site):
    site.offer({"demo": b"nonsense"})
    site.update()
    with pytest.raises(EngineError, match="no version of it is in use yet"):
        site.engines.pin("demo")


def test_an_unknown_engine_is_said_to_be_unknown(site: Site):
    for switch in (
        site.engines.enable,
        site.engines.disable,
        site.engines.pin,
        site.engines.unpin,
    ):
        with pytest.raises(UnknownEngineError, match="There is no engine 'none' here"):
            switch("none")


def test_switches_need_no_right(site: Site):
    """An unlicensed instance may change its settings."""
    site.upload(package())
    site.rights.clear()
    site.engines.disable("demo")
    site.engines.enable("demo")
    site.engines.pin("demo")
    site.engines.unpin("demo")


def test_an_upload_stays_although_no_index_lists_it(site: Site):
    site.upload(package())
    site.offer({})
    assert site.update().outcome == "done"
    site.start()
    assert site.update().outcome == "done"
    assert site.found(MARKED) == ("Threat",)


def test_an_update_goes_over_an_upload(site: Site):
    site.upload(package("By hand"))
    site.offer({"demo": package("By index")})
    site.update()
    assert site.found(MARKED) == ("By index",)
    site.offer({}, serial=2)
    site.update()
    assert site.row()["state"] == "removed"
