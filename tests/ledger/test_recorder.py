"""The ledger behind the eventsourcing library's recorder interface.

The library's own test case for recorders can't run here: it stores bytes that are no JSON, and
wants a package for ciphers. What it asks of a recorder is asked below.
"""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from eventsourcing.persistence import IntegrityError, Notification, StoredEvent

from hotslot.ledger.recorder import LedgerRecorder


@pytest.fixture
def recorder(dsn: str) -> Iterator[LedgerRecorder]:
    recorder = LedgerRecorder(dsn)
    yield recorder
    recorder.close()


def event(stream: str, version: int, topic: str = "t", state: bytes = b"{}") -> StoredEvent:
    return StoredEvent(stream, version, topic, state)


FIRST = event("license:a", 1, "issued", b'{"n": 1}')
SECOND = event("license:a", 2, "resized", b'{"n": 2}')
THIRD = event("deployment:d", 1, "bound", b'{"n": 3}')


@pytest.fixture
def three(recorder: LedgerRecorder) -> LedgerRecorder:
    recorder.insert_events([FIRST, SECOND])
    recorder.insert_events([THIRD])
    return recorder


def ids(notifications: object) -> list[int]:
    assert isinstance(notifications, list)
    return [notification.id for notification in notifications]


def test_an_empty_ledger_has_nothing(recorder: LedgerRecorder):
    assert recorder.select_events("license:a") == []
    assert recorder.select_events("license:a", desc=True, limit=1) == []
    assert recorder.select_notifications(start=None, limit=3) == []
    assert recorder.select_notifications(start=None, limit=3, topics=["issued"]) == []
    assert recorder.max_notification_id() is None
    assert recorder.insert_events([]) == []


def test_what_is_inserted_is_selected(three: LedgerRecorder):
    assert three.select_events("license:a") == [FIRST, SECOND]
    assert three.select_events("deployment:d") == [THIRD]
    assert three.select_events("license:d") == []


def test_events_are_selected_by_version(three: LedgerRecorder):
    assert three.select_events("license:a", desc=True, limit=1) == [SECOND]
    assert three.select_events("license:a", lte=1, desc=True, limit=1) == [FIRST]
    assert three.select_events("license:a", gt=1) == [SECOND]
    assert three.select_events("license:a", gt=1, lte=1) == []


def test_notifications_are_events_with_positions(three: LedgerRecorder):
    assert three.select_notifications(start=None, limit=10) == [
        Notification(stored.originator_id, stored.originator_version, stored.topic, stored.state, i)
        for i, stored in enumerate([FIRST, SECOND, THIRD], start=1)
    ]
    assert three.max_notification_id() == 3


def test_notifications_are_selected_by_position_and_topic(three: LedgerRecorder):
    select = three.select_notifications
    assert ids(select(start=2, limit=10)) == [2, 3]
    assert ids(select(start=2, limit=1)) == [2]
    assert ids(select(start=1, limit=10, inclusive_of_start=False)) == [2, 3]
    assert ids(select(start=None, stop=2, limit=10)) == [1, 2]
    assert ids(select(start=None, limit=10, topics=["bound", "issued"])) == [1, 3]
    assert ids(select(start=2, limit=10, topics=["issued"])) == []


def test_insertion_answers_with_positions(recorder: LedgerRecorder):
    assert recorder.insert_events([FIRST, SECOND]) == [1, 2]
    assert recorder.insert_events([THIRD]) == [3]


@pytest.mark.parametrize(
    "batch",
    [
        [event("license:b", 1), event("license:a", 1)],
        [event("license:b", 1), event("license:a", 3)],
        [event("license:b", 1), event("license:b", 1)],
        [event("license:b", 0)],
    ],
    ids=["taken version", "left-out version", "twice in a batch", "no version"],
)
def test_a_conflict_leaves_nothing_of_its_batch(recorder: LedgerRecorder, batch: list[StoredEvent]):
    recorder.insert_events([FIRST])
    with pytest.raises(IntegrityError):
        recorder.insert_events(batch)
    assert recorder.select_events("license:b") == []
    assert recorder.max_notification_id() == 1
    assert recorder.insert_events([SECOND]) == [2]


@pytest.mark.parametrize("name", ["license:a", "deployment:A.b_c~d:e@f-0", "license:" + "x" * 128])
def test_ids_are_texts_as_they_are(recorder: LedgerRecorder, name: str):
    recorder.insert_events([event(name, 1)])
    assert [stored.originator_id for stored in recorder.select_events(name)] == [name]


def test_states_come_back_byte_for_byte(recorder: LedgerRecorder):
    state = '{"b": 1,  "a":1.50, "b": 2, "é": "\\u00e9 ☃"}'.encode()
    recorder.insert_events([event("license:a", 1, state=state)])
    (stored,) = recorder.select_events("license:a")
    (notified,) = recorder.select_notifications(start=None, limit=10)
    assert stored.state == notified.state == state


def test_many_threads_may_share_it(recorder: LedgerRecorder):
    def insert(number: int) -> None:
        recorder.insert_events([event(f"license:{number}", v) for v in range(1, 6)])

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(insert, range(40)))
    assert ids(recorder.select_notifications(start=None, limit=1000)) == list(range(1, 201))


def test_one_of_many_that_write_the_same_version_succeeds(recorder: LedgerRecorder):
    together = threading.Barrier(8)

    def insert(number: int) -> bool:
        together.wait(timeout=30)
        try:
            recorder.insert_events([event(f"license:{number}", 1), event("deployment:d", 1)])
        except IntegrityError:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(insert, range(8))) == 1
    assert recorder.max_notification_id() == 2


def test_a_subscription_gets_what_is_there_and_what_comes(three: LedgerRecorder):
    got = []
    with three.subscribe(gt=1) as subscription:
        for notification in subscription:
            got.append(notification.id)
            if notification.id == 3:
                three.insert_events([event("deployment:d", 2)])
            if notification.id == 4:
                break
    assert got == [2, 3, 4]
