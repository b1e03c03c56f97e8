"""Decisions about license files: making one, and taking one in."""

from datetime import datetime, timedelta
from typing import TypeVar

import msgspec

from hotslot.domain import license, refusals  # noqa: A004 - the field's word
from hotslot.domain.events import FileEvent, LicenseFileIssued, LicenseImported
from hotslot.domain.license import Decision, License
from hotslot.domain.license_file import LicenseFile, Presented
from hotslot.domain.refusals import Refusal

TICK = timedelta(microseconds=1)
"""The least by which a file is newer than the one before it, whatever the clock says."""

_FileEvent = TypeVar("_FileEvent", bound=FileEvent)
_Terms = tuple[int, datetime | None]


def issue_file(license_: License, deployment: str | None, key: str, now: datetime) -> Decision:
    """Make a license file, for any deployment or for one.

    The last one is still good if it says all that a new one would.
    """
    if license_.is_imported:
        return refusals.LicenseIssuedElsewhere(license=license_.id)
    if refusal := license.no_rights(license_, now):
        return refusal
    last = license_.last_file
    if last is not None and (last.deployment, last.key, *_terms(last)) == (
        deployment,
        key,
        *_terms(license_),
    ):
        return ()
    file = LicenseFile(
        license=license_.id,
        product=license_.product,
        customer=license_.customer,
        slots=license_.slots,
        issued_at=now if last is None else max(now, last.issued_at + TICK),
        expires_at=license_.expires_at,
        deployment=deployment,
    )
    return (_event(LicenseFileIssued, file, key),)


def take_in(
    license_: License | None, presented: Presented, now: datetime
) -> tuple[License, tuple[LicenseImported, ...]] | Refusal:
    """Compare a file with what is known of its license: the license after it, and what is new.

    A license that is not known is imported when a trusted vendor signed the file, and so is a newer
    file of an imported license. For a license of this server the ledger says what it gives; the
    file only shows that it may be used.
    """
    file = presented.file
    if file.expires_at is not None and file.expires_at <= now:
        return refusals.LicenseFileExpired(license=file.license, expires_at=file.expires_at)
    if license_ is None:
        if presented.own:
            return refusals.UnknownLicense(license=file.license)
    elif refusal := _does_not_fit(license_, presented):
        return refusal
    elif license_.imported_file_of is None or file.issued_at <= license_.imported_file_of:
        return license_, ()
    elif refusal := license.slots_in_use(license_, file.slots):
        return refusal
    imported = _event(LicenseImported, file, presented.key)
    return license.with_file(license_, imported, position=0), (imported,)


def _does_not_fit(license_: License, presented: Presented) -> Refusal | None:
    file = presented.file
    if (license_.product, license_.customer, license_.is_imported) != (
        file.product,
        file.customer,
        not presented.own,
    ) or _is_of_another_vendor(license_, presented):
        return refusals.LicenseFileForAnotherProduct(license=file.license)
    newest, terms = _newest(license_)
    if newest is not None and file.issued_at <= newest and _terms(file) != terms:
        return refusals.LicenseFileSuperseded(
            license=file.license, issued_at=file.issued_at, newest_issued_at=newest
        )
    return None


def _is_of_another_vendor(license_: License, presented: Presented) -> bool:
    """Whether a trusted vendor, but not the one who brought the license, signed the file."""
    return (
        license_.is_imported
        and presented.vendor is not None
        and license_.imported_key not in presented.vendor
    )


def _newest(license_: License) -> tuple[datetime | None, _Terms]:
    """When the newest file was issued that is known of the license, and what it gives."""
    if (last := license_.last_file) is not None:
        # The license itself may have changed since, without a new file.
        return last.issued_at, _terms(last)
    return license_.imported_file_of, _terms(license_)


def _terms(stated: License | LicenseFile | LicenseFileIssued) -> _Terms:
    return stated.slots, stated.expires_at


def _event(kind: type[_FileEvent], file: LicenseFile, key: str) -> _FileEvent:
    return kind(**msgspec.structs.asdict(file), key=key, digest=file.digest())
