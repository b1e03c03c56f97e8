"""What a projection is."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, LiteralString, Protocol

from psycopg import Cursor

from projections.source import StoredEvent


class ProjectionError(Exception):
    """The events don't add up: the projection can't be carried on without being wrong."""


class Projection(Protocol):
    """A read model: tables, and how events change them."""

    name: ClassVar[str]
    """Also the name of the database schema that the live tables are in."""

    version: ClassVar[int]
    """Raised whenever the tables or what they hold change: they are then built anew."""

    tables: ClassVar[Mapping[str, tuple[str, ...]]]
    """The key columns of every table: what the rows of a replay are matched by."""

    schema: ClassVar[LiteralString]
    """SQL that creates the tables in the current schema."""

    def apply(self, cursor: Cursor[Any], batch: Sequence[StoredEvent]) -> None:
        """Bring the tables of the current schema up to date with the next events.

        Called within a transaction. What it leaves must not depend on how the events are batched.

        Raises:
            ProjectionError: the events contradict the tables.

        """
