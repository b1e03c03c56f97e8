"""How a time is written wherever people and programs read one."""

from datetime import UTC, datetime


def write_time(value: datetime) -> str:
    """A time as RFC 3339 has it, in UTC, with microseconds: `2026-01-31T12:00:00.000000Z`."""
    text = value.astimezone(UTC).isoformat(timespec="microseconds")
    return text.removesuffix("+00:00") + "Z"
