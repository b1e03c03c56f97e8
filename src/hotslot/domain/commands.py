"""One class a command. Each names the streams that it reads, and decides on their states."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, ClassVar

import msgspec

from hotslot.domain import keys, license, refusals  # noqa: A004 - the field's word
from hotslot.domain.asker import Asker
from hotslot.domain.deployment import Deployment
from hotslot.domain.events import (
    CommandRefused,
    KeyCreated,
    LicenseIssued,
    Mode,
    Role,
    deployment_stream,
    key_stream,
    license_stream,
)
from hotslot.domain.keys import Key
from hotslot.domain.license import Decision, License
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

    def refused(self, states: States, asker: Asker, refusal: Refusal) -> CommandRefused | None:
        """The record of a refusal, or None when it belongs to no stream."""
        asked = msgspec.to_builtins(self)
        asked.pop("activation_key_sha256", None)
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
            asked=_given(asked),
            detail=refusal.detail(),
        )


def _given(asked: dict[str, Any]) -> dict[str, Any]:
    return {field: value for field, value in asked.items() if value is not None}


class LicenseCommand(Command, frozen=True, kw_only=True):
    """A command on one license."""

    license: str

    def reads(self, known: States) -> Iterator[str]:
        yield license_stream(self.license)

    def license_of(self, states: States) -> License | None:
        return states.license(self.license)

    def decide(self, states: States, asker: Asker, now: datetime) -> Decision:
        license_ = states.license(self.license)
        if license_ is None or not asker.may_see(license_):
            return refusals.UnknownLicense(license=self.license)
        return self.decide_on(license_)

    def decide_on(self, license_: License) -> Decision:
        """Decide on a license that the asker may see."""
        raise NotImplementedError


class IssueLicense(LicenseCommand, frozen=True, kw_only=True):
    """Issue a license."""

    name = "issue"
    product: str
    customer: str
    slots: int
    expires_at: datetime | None
    activation_key_sha256: str

    def decide(self, states: States, asker: Asker, now: datetime) -> Decision:
        issued = LicenseIssued(
            license=self.license,
            product=self.product,
            customer=self.customer,
            slots=self.slots,
            expires_at=self.expires_at,
            activation_key_sha256=self.activation_key_sha256,
        )
        return license.issue(states.license(self.license), issued)


class RenewLicense(LicenseCommand, frozen=True, kw_only=True):
    """Move the end of validity."""

    name = "renew"
    expires_at: datetime | None

    def decide_on(self, license_: License) -> Decision:
        return license.renew(license_, self.expires_at)


class ResizeLicense(LicenseCommand, frozen=True, kw_only=True):
    """Change the number of slots."""

    name = "resize"
    slots: int

    def decide_on(self, license_: License) -> Decision:
        return license.resize(license_, self.slots)


class SuspendLicense(LicenseCommand, frozen=True, kw_only=True):
    """Suspend a license."""

    name = "suspend"

    def decide_on(self, license_: License) -> Decision:
        return license.suspend(license_)


class ReinstateLicense(LicenseCommand, frozen=True, kw_only=True):
    """End a suspension."""

    name = "reinstate"

    def decide_on(self, license_: License) -> Decision:
        return license.reinstate(license_)


class RevokeLicense(LicenseCommand, frozen=True, kw_only=True):
    """Revoke a license."""

    name = "revoke"

    def decide_on(self, license_: License) -> Decision:
        return license.revoke(license_)


class TakeRole(Command, frozen=True, kw_only=True):
    """A command that binds a deployment to a license."""

    deployment: str
    license: str
    activation_key_sha256: str | None = None
    """Set when the license was named by its activation key: it must fit."""
    mode: Mode = Mode.ONLINE

    def reads(self, known: States) -> Iterator[str]:
        yield license_stream(self.license)
        yield deployment_stream(self.deployment)
        # Whether the asker may know of the other license depends on that license's customer.
        if (bound := known.deployment(self.deployment).license) is not None:
            yield license_stream(bound)

    def license_of(self, states: States) -> License | None:
        return states.license(self.license)

    def decide(self, states: States, asker: Asker, now: datetime) -> Decision:
        license_ = states.license(self.license)
        if self.activation_key_sha256 is not None and (
            license_ is None or license_.activation_key_sha256 != self.activation_key_sha256
        ):
            return refusals.UnknownActivationKey()
        if license_ is None or not asker.may_see(license_):
            return refusals.UnknownLicense(license=self.license)
        deployment = states.deployment(self.deployment)
        bound = states.license(deployment.license)
        if bound is not None and asker.customer not in (None, bound.customer):
            # As for one that was never seen, as far as that goes: only where such a one would get
            # the role is it told that this one can't be had.
            unseen = self.decide_on(license_, Deployment(id=self.deployment), now)
            if isinstance(unseen, Refusal):
                return unseen
            return refusals.UnknownDeployment(deployment=self.deployment)
        return self.decide_on(license_, deployment, now)

    def refused(self, states: States, asker: Asker, refusal: Refusal) -> CommandRefused | None:
        if isinstance(refusal, refusals.BoundToAnotherLicense):
            asked, bound = states.license(self.license), states.license(refusal.license)
            # The record is for the customer of the license that was asked for to read.
            if asked is None or bound is None or asked.customer != bound.customer:
                refusal = msgspec.structs.replace(refusal, license=None)
        return super().refused(states, asker, refusal)

    def decide_on(self, license_: License, deployment: Deployment, now: datetime) -> Decision:
        """Decide on a license and a deployment that the asker may see."""
        raise NotImplementedError


class Activate(TakeRole, frozen=True, kw_only=True):
    """Give a deployment a slot."""

    name = "activate"

    def decide_on(self, license_: License, deployment: Deployment, now: datetime) -> Decision:
        return license.activate(license_, deployment, self.mode, now)


class RegisterBackup(TakeRole, frozen=True, kw_only=True):
    """Make a deployment a hot backup."""

    name = "register"
    standby_for: str | None = None

    def decide_on(self, license_: License, deployment: Deployment, now: datetime) -> Decision:
        return license.register(license_, deployment, self.mode, self.standby_for, now)


class ChangeRole(Command, frozen=True, kw_only=True):
    """A command on the role that a deployment holds already."""

    deployment: str

    def reads(self, known: States) -> Iterator[str]:
        yield deployment_stream(self.deployment)
        if (home := known.deployment(self.deployment).home) is not None:
            yield license_stream(home)

    def license_of(self, states: States) -> License | None:
        return states.license(states.deployment(self.deployment).home)

    def decide(self, states: States, asker: Asker, now: datetime) -> Decision:
        deployment = states.deployment(self.deployment)
        home = states.license(deployment.home)
        if asker.is_limited and (home is None or not asker.may_see(home)):
            return refusals.UnknownDeployment(deployment=self.deployment)
        return self.decide_on(states.license(deployment.license), deployment, now)

    def decide_on(
        self, license_: License | None, deployment: Deployment, now: datetime
    ) -> Decision:
        """Decide on a deployment that the asker may see, and the license it is bound to."""
        raise NotImplementedError


class Deactivate(ChangeRole, frozen=True, kw_only=True):
    """Take the slot back from an active deployment."""

    name = "deactivate"

    def decide_on(
        self, license_: License | None, deployment: Deployment, now: datetime
    ) -> Decision:
        return license.deactivate(license_, deployment)


class UnregisterBackup(ChangeRole, frozen=True, kw_only=True):
    """End the role of a backup."""

    name = "unregister"

    def decide_on(
        self, license_: License | None, deployment: Deployment, now: datetime
    ) -> Decision:
        return license.unregister(license_, deployment)


class NominateBackup(ChangeRole, frozen=True, kw_only=True):
    """Make a backup the active one, in place of the former."""

    name = "nominate"
    replaces: str | None = None

    def reads(self, known: States) -> Iterator[str]:
        yield from super().reads(known)
        deployment = known.deployment(self.deployment)
        bound = known.license(deployment.license)
        if bound is not None and deployment.role is Role.BACKUP:
            replaced = license.replaced_by(bound, deployment, self.replaces)
            # The former active one is released on its own stream, so its version counts too.
            if isinstance(replaced, str):
                yield deployment_stream(replaced)

    def decide_on(
        self, license_: License | None, deployment: Deployment, now: datetime
    ) -> Decision:
        return license.nominate(license_, deployment, self.replaces, now)


class CreateKey(Command, frozen=True, kw_only=True):
    """Make an API key."""

    name = "create-key"
    created: KeyCreated

    def reads(self, known: States) -> Iterator[str]:
        yield key_stream(self.created.key)

    def license_of(self, states: States) -> License | None:
        return None

    def decide(self, states: States, asker: Asker, now: datetime) -> Decision:
        return keys.create(states.key(self.created.key), self.created)


class RevokeKey(Command, frozen=True, kw_only=True):
    """Revoke an API key."""

    name = "revoke-key"
    key: str

    def reads(self, known: States) -> Iterator[str]:
        yield key_stream(self.key)

    def license_of(self, states: States) -> License | None:
        return None

    def decide(self, states: States, asker: Asker, now: datetime) -> Decision:
        key = states.key(self.key)
        if key is None or asker.customer not in (None, key.customer):
            return refusals.UnknownKey(key=self.key)
        return keys.revoke(key)
