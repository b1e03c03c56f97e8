"""The shapes of the states that snapshots hold, for each format: a new shape needs a new format.

When the test fails, raise snapshots.FORMAT and let its shapes take the place of those below.
Otherwise snapshots of the old shape would be read as if they were of the new one.
"""

from enum import EnumType
from types import UnionType
from typing import Annotated, Any, get_args, get_origin

import msgspec

from hotslot.domain.streams import State
from hotslot.ledger import snapshots

SHAPES: dict[int, dict[str, Any]] = {
    5: {
        "License": {
            "id": "str",
            "product": "str",
            "customer": "str",
            "slots": "int",
            "expires_at": "datetime | None",
            "activation_key_sha256": "str | None",
            "suspended": "bool = False",
            "revoked": "bool = False",
            "term": "int = 0",
            "active": "dict[str, Holding] = {}",
            "backup_count": "int = 0",
            "lease_seconds": "int = 60",
            "imported_file_of": "datetime | None = None",
            "imported_key": "str | None = None",
            "imported_for": "str | None = None",
            "last_file": "LicenseFileIssued | None = None",
            "position": "int",
        },
        "LicenseFileIssued": {
            "license": "str",
            "product": "str",
            "customer": "str",
            "slots": "int",
            "expires_at": "datetime | None",
            "issued_at": "datetime",
            "deployment": "str | None",
            "key": "str",
            "digest": "str",
        },
        "Holding": {"mode": "Mode", "since": "datetime", "position": "int", "term": "int"},
        "Deployment": {
            "id": "str",
            "role": "Role = unlicensed",
            "license": "str | None = None",
            "mode": "Mode | None = None",
            "standby_for": "str | None = None",
            "since": "datetime | None = None",
            "term": "int | None = None",
            "former_license": "str | None = None",
            "owes": "Owed | None = None",
            "waits_for": "Waiting | None = None",
        },
        "Owed": {"duty": "Duty", "license": "str", "term": "int"},
        "Duty": ["take-over", "stand-down"],
        "Waiting": {"deployment": "str", "term": "int"},
        "Key": {
            "id": "str",
            "role": "KeyRole",
            "customer": "str | None",
            "deployment": "str | None",
            "sha256": "str",
            "created_at": "datetime",
            "revoked_at": "datetime | None = None",
        },
        "Reader": {"key": "str", "exported_at": "datetime"},
        "Mode": ["online", "offline"],
        "Role": ["unlicensed", "active", "backup"],
        "KeyRole": ["admin", "operator", "auditor", "node"],
    }
}


def bare(kind: Any) -> Any:
    """The type without what is said about it."""
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


def name_of(kind: Any) -> str:
    kind = bare(kind)
    if isinstance(kind, UnionType):
        return " | ".join(map(name_of, get_args(kind)))
    if (generic := get_origin(kind)) is not None:
        return f"{generic.__name__}[{', '.join(map(name_of, get_args(kind)))}]"
    return "None" if kind is type(None) else str(kind.__name__)


def shapes_of(kind: Any) -> dict[str, Any]:
    """The shape of a type, and of all that it is made of."""
    kind = bare(kind)
    if isinstance(kind, EnumType):
        return {name_of(kind): [str(member.value) for member in kind]}  # type: ignore[var-annotated]
    if not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        return {name: of for part in get_args(kind) for name, of in shapes_of(part).items()}
    shapes: dict[str, Any] = {name_of(kind): {}}
    for field in msgspec.structs.fields(kind):
        default = field.default
        if field.default_factory is not msgspec.NODEFAULT:
            default = field.default_factory()
        shown = "" if default is msgspec.NODEFAULT else f" = {default}"
        shapes[name_of(kind)][field.encode_name] = name_of(field.type) + shown
        shapes |= shapes_of(field.type)
    return shapes


def test_the_states_have_the_shape_of_the_format():
    assert {snapshots.FORMAT: shapes_of(State)} == SHAPES
