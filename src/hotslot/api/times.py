"""Times in query strings."""

from datetime import UTC, datetime

import msgspec

from hotslot.api.problems import invalid


def read_time(name: str, text: str) -> datetime:
    """An RFC 3339 time; a `+` that became a space on its way in a query string is put back.

    Raises:
        ProblemError: 422 when it is none, has no offset, or lies beyond the calendar in UTC.

    """
    try:
        time = msgspec.convert(text.replace(" ", "+"), datetime)
        if time.tzinfo is not None:
            return time.astimezone(UTC)
    except (msgspec.ValidationError, OverflowError):
        pass
    raise invalid(f"{name} takes an RFC 3339 time such as 2026-01-31T12:00:00Z, not {text!r}.")
