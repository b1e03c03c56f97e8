"""Commands that come of reading."""

from collections.abc import Iterator
from datetime import datetime

from hotslot.domain import reads
from hotslot.domain.asker import Asker
from hotslot.domain.commands.command import Command, States
from hotslot.domain.events import AuditExported, audit_stream
from hotslot.domain.license import Decision, License


class NoteExport(Command, frozen=True, kw_only=True):
    """Note that an API key reads the record in bulk."""

    name = "note-export"
    exported: AuditExported

    def reads(self, known: States) -> Iterator[str]:
        yield audit_stream(self.exported.key)

    def license_of(self, states: States) -> License | None:
        return None

    def decide(self, states: States, asker: Asker, now: datetime) -> Decision:
        return reads.note(states.reader(self.exported.key), self.exported, now)
