"""The keys in memory: events of one key come from the writer and from the tail, in any order."""

from datetime import UTC, datetime

import pytest

from hotslot.api.keyring import Keyring, digest
from hotslot.domain.events import Actor, Context, KeyCreated, KeyRevoked, Recorded

SECRET = "hsk.k.secret"
CONTEXT = Context(at=datetime(2026, 1, 1, tzinfo=UTC), actor=Actor("key", "admin"), request_id="r")
MADE = Recorded(
    1,
    "key:k",
    1,
    CONTEXT,
    KeyCreated(key="k", role="auditor", customer=None, deployment=None, sha256=digest(SECRET)),
)
REVOKED = Recorded(2, "key:k", 2, CONTEXT, KeyRevoked(key="k"))


def test_a_key_is_in_force_until_it_is_revoked():
    keyring = Keyring()
    keyring.apply(MADE)
    assert keyring.find(SECRET) == keyring.get("k")
    keyring.apply(REVOKED)
    assert keyring.find(SECRET) is None


@pytest.mark.parametrize(
    "heard",
    [
        # The writer told of both already when the tail reads them.
        [MADE, REVOKED, MADE],
        [MADE, REVOKED, MADE, REVOKED],
        # Another process made it, and this one's tail hears of that after it revoked it itself.
        [REVOKED, MADE],
        [REVOKED, MADE, REVOKED],
    ],
)
def test_a_revoked_key_is_never_in_force_again(heard: list[Recorded]):
    keyring = Keyring()
    was_revoked = False
    for recorded in heard:
        keyring.apply(recorded)
        was_revoked = was_revoked or recorded is REVOKED
        assert not (was_revoked and keyring.find(SECRET))
    key = keyring.get("k")
    assert key is not None
    assert key.revoked_at == CONTEXT.at
