"""What became of licenses from one position to another, on connections as `queries` has them."""

from collections.abc import Sequence
from typing import Any

import msgspec
from psycopg import AsyncConnection

from projections.reading import InvalidCursorError, Page, fetch
from projections.slots import statements
from projections.slots.queries import held_by, holders
from projections.slots.views import Change, Step

BEFORE, AFTER = "before", "after"

_names = msgspec.json.Decoder(list[str])


async def changes(
    connection: AsyncConnection[Any],
    license_id: str,
    *,
    first: int,
    last: int,
    cursor: str | None = None,
    limit: int = 100,
) -> Page[Change]:
    """The deployments whose role on the license at `last` is another than at `first`.

    Those who held one at `first` are looked through, and then those at `last`: at most `limit` of
    them for a page, so that a page costs a page however many there are, and however long the time
    between. It may hold fewer changes than that, or none, and not be the last.

    Raises:
        InvalidCursorError: the cursor is none that this list gave.

    """
    side, _, held_after = (cursor or BEFORE).partition(".")
    if side not in (BEFORE, AFTER):
        raise InvalidCursorError(cursor)
    found: list[Change] = []
    if side == BEFORE:
        page = await holders(
            connection, license_id, position=first, cursor=held_after or None, limit=limit
        )
        then = await held_by(
            connection, license_id, [holder.deployment for holder in page.rows], last
        )
        found = [
            Change(before.deployment, before, then.get(before.deployment))
            for before in page.rows
            if then.get(before.deployment) != before
        ]
        if page.next is not None:
            return Page(found, f"{BEFORE}.{page.next}")
        if (limit := limit - len(page.rows)) == 0:
            return Page(found, AFTER)
        held_after = ""
    page = await holders(
        connection, license_id, position=last, cursor=held_after or None, limit=limit
    )
    then = await held_by(connection, license_id, [holder.deployment for holder in page.rows], first)
    found += [
        Change(after.deployment, None, after) for after in page.rows if after.deployment not in then
    ]
    return Page(found, None if page.next is None else f"{AFTER}.{page.next}")


async def steps(
    connection: AsyncConnection[Any], moments: Sequence[tuple[str, int]]
) -> dict[int, Step]:
    """The state of a license at each position; none where it had not been issued by then."""
    rows = await fetch(
        connection,
        statements.STEPS,
        {
            "licenses": [license_id for license_id, _ in moments],
            "positions": [position for _, position in moments],
            "named": statements.ACTIVE_NAMED,
        },
    )
    return {at: _step(*row) for at, *row in rows}


def _step(*row: Any) -> Step:
    *state, active = row
    named = [[] if active is None else _names.decode(active)]
    return Step(*state, *named)
