"""What was read of the trail within the hour, by key."""

from hypothesis import given
from hypothesis import strategies as st

from hotslot.api.trail_reads import MANY_ENTRIES, TrailReads

MINUTE = 60.0
HOUR = 3600.0


def test_more_than_many_is_in_bulk():
    reads = TrailReads()
    assert not reads.add("k", MANY_ENTRIES, 0.0)
    assert reads.add("k", 1, 1.0)


def test_every_key_counts_for_itself():
    reads = TrailReads()
    reads.add("k", MANY_ENTRIES, 0.0)
    assert not reads.add("other", 1, 1.0)


def test_what_was_read_an_hour_ago_counts_no_more():
    reads = TrailReads()
    reads.add("k", MANY_ENTRIES, 0.0)
    assert reads.add("k", 1, HOUR - 1)
    assert not reads.add("k", 1, HOUR)


@given(
    st.lists(st.tuples(st.integers(0, 3000), st.floats(0, HOUR / 2)), min_size=1, max_size=40),
)
def test_no_hour_of_many_goes_by_unnoticed(pages: list[tuple[int, float]]):
    """However the pages fall, those of the last 59 minutes all count, and none of over an hour."""
    reads, now, read = TrailReads(), 0.0, []
    for entries, pause in pages:
        now += pause
        read.append((now, entries))
        told = reads.add("k", entries, now)
        surely = sum(count for at, count in read if now - at <= HOUR - MINUTE)
        at_most = sum(count for at, count in read if now - at < HOUR)
        assert told or surely <= MANY_ENTRIES
        assert not told or at_most > MANY_ENTRIES
