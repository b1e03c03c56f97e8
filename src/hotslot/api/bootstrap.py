"""The first admin key: without one, nobody could make the others."""

import secrets
from datetime import UTC, datetime

import structlog
from eventsourcing.persistence import IntegrityError, StoredEvent
from psycopg import Connection

from hotslot.api.keyring import READ_KEYS, Keyring, digest
from hotslot.domain.events import Actor, Context, KeyCreated, key_stream
from hotslot.domain.keys import KeyRole
from hotslot.ledger import mapper
from hotslot.ledger.recorder import LedgerRecorder

_log = structlog.get_logger(__name__)


def ensure_admin_key(dsn: str, wanted: str | None) -> str | None:
    """Make an admin key if none is in force: the one that is wanted, else a random one.

    Returns the random one, to be shown once. Safe to call from many processes at once: one of
    them makes the key.
    """
    keyring = Keyring()
    with Connection.connect(dsn, autocommit=True) as connection:
        for row in connection.execute(READ_KEYS):
            keyring.apply(mapper.decode(*row))
    if keyring.has_admin():
        if wanted is not None and keyring.find(wanted) is None:
            _log.warning(
                "admin-key-ignored",
                detail="HOTSLOT_ADMIN_KEY is not used: there is an admin key already.",
            )
        return None
    secret = wanted if wanted is not None else f"hsk.admin.{secrets.token_urlsafe(32)}"
    key_id = "admin" if keyring.get("admin") is None else f"admin-{secrets.token_hex(4)}"
    created = KeyCreated(
        key=key_id, role=KeyRole.ADMIN, customer=None, deployment=None, sha256=digest(secret)
    )
    context = Context(
        at=datetime.now(UTC), actor=Actor("system", "bootstrap"), request_id="bootstrap"
    )
    event = StoredEvent(key_stream(key_id), 1, created.type, mapper.encode(context, created))
    recorder = LedgerRecorder(dsn)
    try:
        recorder.insert_events([event])
    except IntegrityError:
        return None  # another process was faster
    finally:
        recorder.close()
    return secret if wanted is None else None
