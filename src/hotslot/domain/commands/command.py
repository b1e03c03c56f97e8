"""What every command has, and the states that a decision is made on."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, ClassVar

import msgspec

from hotslot.domain import refusals
from hotslot.domain.asker import Asker
from hotslot.domain.deployment import Deployment
from hotslot.domain.events import (
    CommandRefused,
    audit_stream,
    deployment_stream,
    key_stream,
    license_stream,
)
from hotslot.domain.keys import Key
from hotslot.domain.license import Decision, License
from hotslot.domain.reads import Reader
from hotslot.domain.refusals import Refusal
from hotslot.domain.streams import State


class States:
    """The states that a decision is made on, by stream."""

    def __init__(self, by_stream: Mapping[str, State]) -> None:
        self._by_stream = by_stream

    def license(self, license_id: str | None) -> License | None:
        """The license, or None when there is none (or it is not loaded yet)."""
        state = self._by_stream.get(license_stream(license_id)) if license_id else None
        assert state is None or isinstance(state, License)
        return state

    def deployment(self, deployment_id: str) -> Deployment:
        """The deployment; one that was never seen is unlicensed."""
        state = self._by_stream.get(deployment_stream(deployment_id))
        assert state is None or isinstance(state, Deployment)
        return state or Deployment(id=deployment_id)

    def key(self, key_id: str) -> Key | None:
        """The API key, or None when there is none."""
        state = self._by_stream.get(key_stream(key_id))
        assert state is None or isinstance(state, Key)
        return state

    def reader(self, key_id: str) -> Reader | None:
        """Whoever reads with an API key, or None when nothing was noted of it yet."""
        state = self._by_stream.get(audit_stream(key_id))
        assert state is None or isinstance(state, Reader)
        return state


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """Something that an asker wants done."""

    name: ClassVar[str]

    def reads(self, known: States) -> Iterator[str]:
        """The streams that the decision rests on, as far as `known` tells them.

        Asked again after each loading, until it names nothing new.
        """
        raise NotImplementedError

    def decide(self, states: States, asker: Asker, now: datetime) -> Decision:
        """Events, no events when it is already so, or a refusal."""
        raise NotImplementedError

    def license_of(self, states: States) -> License | None:
        """The license that the command is about: what `If-Match` is compared with."""
        raise NotImplementedError

    def asked(self) -> dict[str, Any]:
        """What is kept of it when it is refused: nothing secret, and nothing that was left out."""
        fields: dict[str, Any] = msgspec.to_builtins(self)
        return {name: value for name, value in fields.items() if value is not None}

    def refused(self, states: States, asker: Asker, refusal: Refusal) -> CommandRefused | None:
        """The record of a refusal, or None when it belongs to no stream."""
        asked = self.asked()
        deployment: str | None = asked.get("deployment")
        license_ = self.license_of(states)
        if license_ is not None and not asker.may_see(license_):
            license_ = None
        if (license_ is None and deployment is None) or isinstance(
            refusal, refusals.UnknownActivationKey
        ):
            return None
        return CommandRefused(
            command=self.name,
            code=refusal.code,
            license=license_.id if license_ else None,
            deployment=deployment,
            asked=asked,
            detail=refusal.detail(),
        )
