"""The cache: built of committed events, and forgetful in the right places."""

from datetime import timedelta

from hotslot.domain.events import (
    Actor,
    CommandRefused,
    Context,
    Event,
    LicenseIssued,
    LicenseResized,
    Recorded,
)
from hotslot.domain.license import License
from hotslot.ledger.cache import Cache
from hotslot.ledger.plan import REFUSAL_REPEATS_AFTER, Versioned, refusal_key
from tests.ledger.writing import NOON

CONTEXT = Context(at=NOON, actor=Actor("key", "admin"), request_id="r")


def issued(license_id: str = "l") -> LicenseIssued:
    return LicenseIssued(
        license=license_id,
        product="core",
        customer="acme",
        slots=1,
        expires_at=None,
        activation_key_sha256="0" * 64,
    )


def recorded(version: int, event: Event, context: Context = CONTEXT) -> Recorded:
    return Recorded(version, "license:l", version, context, event)


def slots(cache: Cache) -> int | None:
    entry = cache.get("license:l")
    if entry is None or entry.state is None:
        return None
    assert isinstance(entry.state, License)
    return entry.state.slots


def resized(to: int) -> LicenseResized:
    return LicenseResized(license="l", slots=to)


def test_what_was_used_longest_ago_goes_first():
    cache = Cache(capacity=2)
    for name in ("a", "b"):
        cache.put(name, Versioned(1, None))
    assert cache.get("a") is not None
    cache.put("c", Versioned(1, None))
    assert [cache.get(name) is not None for name in ("a", "b", "c")] == [True, False, True]


def test_an_event_of_a_stream_that_is_not_kept_is_not_kept_either():
    cache = Cache()
    cache.apply(recorded(1, issued()))
    assert cache.get("license:l") is None


def test_the_next_event_is_folded_in():
    cache = Cache()
    cache.put("license:l", Versioned(0, None))
    cache.apply(recorded(1, issued()))
    cache.apply(recorded(2, resized(5)))
    assert (cache.get("license:l") or Versioned(0, None)).version == 2
    assert slots(cache) == 5


def test_an_event_that_is_known_already_changes_nothing():
    cache = Cache()
    cache.put("license:l", Versioned(0, None))
    for event in (recorded(1, issued()), recorded(2, resized(5)), recorded(3, resized(7))):
        cache.apply(event)
    cache.apply(recorded(2, resized(5)))
    assert slots(cache) == 7


def test_a_stream_with_a_gap_has_to_be_loaded():
    cache = Cache()
    cache.put("license:l", Versioned(0, None))
    cache.apply(recorded(1, issued()))
    cache.apply(recorded(3, resized(7)))
    assert cache.get("license:l") is None


def test_it_is_never_ahead_of_what_it_was_told():
    cache = Cache()
    cache.put("license:l", Versioned(0, None))
    cache.apply(recorded(1, issued()))
    cache.forget_all()
    assert cache.get("license:l") is None


def test_the_time_never_goes_back():
    cache = Cache()
    later = Context(at=NOON + timedelta(seconds=5), actor=CONTEXT.actor, request_id="r")
    cache.apply(recorded(1, issued(), later))
    cache.apply(recorded(2, resized(2)))
    assert cache.last_time == NOON + timedelta(seconds=5)


def test_refusals_are_remembered_for_a_minute():
    cache = Cache()
    refused = CommandRefused(
        command="activate", code="no-free-slot", license="l", deployment="d", asked={}, detail=""
    )
    event = recorded(2, refused)
    cache.apply(event)
    key = refusal_key(event.stream, CONTEXT, refused)
    assert cache.refused_lately == {key: NOON}
    cache.forget_old_refusals(NOON + REFUSAL_REPEATS_AFTER - timedelta(microseconds=1))
    assert key in cache.refused_lately
    cache.forget_old_refusals(NOON + REFUSAL_REPEATS_AFTER)
    assert cache.refused_lately == {}
