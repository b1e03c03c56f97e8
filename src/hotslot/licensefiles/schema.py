"""What stands in a license file of format 1: its fields, and the form of their values."""

import re
from datetime import UTC, datetime
from typing import NoReturn

from hotslot.domain.license_file import FORMAT, NEVER, RIGHTS, LicenseFile
from hotslot.licensefiles.errors import UnreadableLicenseFileError
from hotslot.licensefiles.tree import Tree

REQUIRED = frozenset(
    {"format", "license", "product", "customer", "slots", "issued_at", "expires_at", "rights"}
)
OPTIONAL = frozenset({"deployment"})

# As the API takes them, so that every license that was issued can be written into a file.
ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~:@-]{0,127}")
TEXT = re.compile(r"[^\x00-\x1f\x7f-\x9f]{1,200}")
SLOTS = re.compile(r"[1-9][0-9]{0,4}|100000")

# Not 24:00:00, which some versions of Python take for the next day.
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
_VERSION = re.compile(r"hotslot-license-file/[1-9][0-9]{0,8}")
_MAX_QUOTED = 60


def check_format(content: dict[str, Tree]) -> None:
    """See to it that the content is of the one format that this version reads.

    Raises:
        UnreadableLicenseFileError: it is of another one, or of none.

    """
    found = content.get("format")
    if found == FORMAT:
        return
    if isinstance(found, str) and _VERSION.fullmatch(found):
        raise UnreadableLicenseFileError(
            f"it was written by a newer version of Hotslot, in the format {found!r}, and this one "
            f"reads {FORMAT!r}",
            advice="Update this Hotslot, or have the vendor's server write the older format.",
        )
    raise UnreadableLicenseFileError(f"its field `format` does not say {FORMAT!r}")


def read_content(content: dict[str, Tree]) -> LicenseFile:
    """The license that content of this format states. Nothing in it is passed over.

    Raises:
        UnreadableLicenseFileError: a field is missing, not known, or not of the form that it has.

    """
    missing = sorted(REQUIRED - content.keys())
    if missing:
        raise UnreadableLicenseFileError(f"the field `{missing[0]}` is missing")
    unknown = sorted(content.keys() - REQUIRED - OPTIONAL)
    if unknown:
        raise UnreadableLicenseFileError(
            f"the field {_cut(unknown[0])} is not known in this format"
        )
    if content["rights"] != list(RIGHTS):
        _wrong("rights", content["rights"], f"this list: {', '.join(RIGHTS)}")
    deployment = content.get("deployment")
    return LicenseFile(
        license=_id("license", content["license"]),
        product=_text("product", content["product"]),
        customer=_text("customer", content["customer"]),
        slots=_slots(content["slots"]),
        issued_at=_time("issued_at", content["issued_at"]),
        expires_at=(
            None if content["expires_at"] == NEVER else _time("expires_at", content["expires_at"])
        ),
        deployment=None if deployment is None else _id("deployment", deployment),
    )


def _id(name: str, value: Tree) -> str:
    return _matched(
        name,
        value,
        ID,
        "1 to 128 letters, digits and ._~:@-, of which the first is a letter or a digit",
    )


def _text(name: str, value: Tree) -> str:
    return _matched(name, value, TEXT, "1 to 200 characters, and no control characters")


def _slots(value: Tree) -> int:
    return int(
        _matched("slots", value, SLOTS, "a number from 1 to 100000, with nothing before its digits")
    )


def _time(name: str, value: Tree) -> datetime:
    wanted = "a time in UTC such as 2026-01-31T12:00:00.000000Z"
    if name == "expires_at":
        wanted += f", or {NEVER!r}"
    text = _matched(name, value, _TIME, wanted)
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:  # a 30th of February
        _wrong(name, value, wanted)


def _matched(name: str, value: Tree, pattern: re.Pattern[str], wanted: str) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        _wrong(name, value, wanted)
    return value


def _wrong(name: str, value: Tree, wanted: str) -> NoReturn:
    raise UnreadableLicenseFileError(f"the field `{name}` is {_cut(value)}, and has to be {wanted}")


def _cut(value: Tree) -> str:
    if not isinstance(value, str):
        return "a list" if isinstance(value, list) else "a group of fields"
    return repr(value if len(value) <= _MAX_QUOTED else f"{value[:_MAX_QUOTED]}...")
