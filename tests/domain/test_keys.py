"""API keys: made once, revoked for good."""

import pytest

from hotslot.domain import refusals
from hotslot.domain.asker import Asker
from hotslot.domain.commands import CreateKey, RevokeKey
from hotslot.domain.events import KeyCreated, KeyRevoked
from tests.domain.given import PERSON, given

CREATED = KeyCreated(key="k", role="operator", customer="acme", deployment=None, sha256="00" * 32)
REVOKED = KeyRevoked(key="k")
REVOKE = RevokeKey(key="k")


def test_a_key_is_made_under_a_fresh_id():
    given().when(CreateKey(created=CREATED)).then(CREATED)


@pytest.mark.parametrize("history", [(CREATED,), (CREATED, REVOKED)], ids=["in force", "revoked"])
def test_an_id_is_used_once(history: tuple[KeyCreated | KeyRevoked, ...]):
    told = given(*history).when(CreateKey(created=CREATED))
    told.refused(refusals.KeyAlreadyExists(key="k"))


def test_a_key_is_revoked_once():
    given(CREATED).when(REVOKE).then(REVOKED)
    given(CREATED, REVOKED).when(REVOKE).nothing()


def test_a_key_that_was_never_made_is_unknown():
    told = given().when(REVOKE)
    told.refused(refusals.UnknownKey(key="k"))
    assert told.record is None


def test_so_is_the_key_of_another_customer():
    given(CREATED).when(REVOKE, Asker(PERSON, customer="bolt")).refused(
        refusals.UnknownKey(key="k")
    )
    given(CREATED).when(REVOKE, Asker(PERSON, customer="acme")).then(REVOKED)
