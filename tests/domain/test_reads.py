"""Reads in bulk: noted once an hour for each key."""

from datetime import timedelta

import pytest

from hotslot.domain.commands import NoteExport
from hotslot.domain.events import AuditExported
from tests.domain.given import NOW, given

EXPORTED = AuditExported(key="k", via="entries", position=7)
NOTE = NoteExport(exported=EXPORTED)
HOUR = timedelta(hours=1)
MICROSECOND = timedelta(microseconds=1)


def test_the_first_read_in_bulk_is_noted():
    given().when(NOTE).then(EXPORTED)


def test_what_the_key_goes_on_reading_within_the_hour_is_not():
    given(EXPORTED).when(NOTE).nothing()
    given(EXPORTED).when(NOTE, at=NOW + HOUR - MICROSECOND).nothing()


@pytest.mark.parametrize("via", ["entries", "trail"])
def test_nor_is_what_it_reads_another_way(via: str):
    other = AuditExported(key="k", via=via, position=9)
    given(EXPORTED).when(NoteExport(exported=other)).nothing()


def test_after_the_hour_it_is_noted_again():
    given(EXPORTED).when(NOTE, at=NOW + HOUR).then(EXPORTED)


def test_the_hour_is_that_of_the_last_note():
    noted_twice = given().record(EXPORTED).record(EXPORTED, at=NOW + HOUR)
    noted_twice.when(NOTE, at=NOW + HOUR + HOUR - MICROSECOND).nothing()
    noted_twice.when(NOTE, at=NOW + HOUR + HOUR).then(EXPORTED)


def test_another_key_is_another_reader():
    other = AuditExported(key="other", via="entries", position=7)
    given(EXPORTED).when(NoteExport(exported=other)).then(other)


def test_a_clock_that_was_set_back_a_little_brings_no_second_note():
    given(EXPORTED).when(NOTE, at=NOW - HOUR + MICROSECOND).nothing()


@pytest.mark.parametrize("ahead", [HOUR, 10_000 * HOUR])
def test_a_note_from_far_ahead_does_not_mute_the_key(ahead: timedelta):
    given(EXPORTED).when(NOTE, at=NOW - ahead).then(EXPORTED)
