"""Commands on the role of a deployment."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec

from hotslot.domain import offline, refusals, roles
from hotslot.domain.asker import Asker
from hotslot.domain.commands.command import Command, States
from hotslot.domain.deployment import Deployment, Owed, confirm
from hotslot.domain.events import (
    CommandRefused,
    LicenseImported,
    Mode,
    Role,
    deployment_stream,
    license_stream,
)
from hotslot.domain.license import Decision, License
from hotslot.domain.license_file import Presented
from hotslot.domain.refusals import Refusal


class TakeRole(Command, frozen=True, kw_only=True):
    """A command that binds a deployment to a license."""

    deployment: str
    license: str
    activation_key_sha256: str | None = None
    """Set when the license was named by its activation key: it must fit."""
    file: Presented | None = None
    """A file of the license, which is how a role is taken in offline mode."""

    @property
    def mode(self) -> Mode:
        """How the role would be obtained."""
        return Mode.ONLINE if self.file is None else Mode.OFFLINE

    def reads(self, known: States) -> Iterator[str]:
        yield license_stream(self.license)
        yield deployment_stream(self.deployment)
        # Whether the asker may know of the other license depends on that license's customer.
        if (bound := known.deployment(self.deployment).license) is not None:
            yield license_stream(bound)

    def license_of(self, states: States) -> License | None:
        return states.license(self.license)

    def decide(self, states: States, asker: Asker, now: datetime) -> Decision:
        named = self._license(states, asker, now)
        if isinstance(named, Refusal):
            return named
        license_, imported = named
        deployment = states.deployment(self.deployment)
        bound = states.license(deployment.license)
        decision = self.decide_on(license_, deployment, now)
        if bound is not None and asker.customer not in (None, bound.customer):
            # As for one that was never seen, as far as that goes: only where such a one would get
            # the role is it told that this one can't be had.
            decision = self.decide_on(license_, Deployment(id=self.deployment), now)
            if not isinstance(decision, Refusal):
                return refusals.UnknownDeployment(deployment=self.deployment)
        return decision if isinstance(decision, Refusal) else imported + decision

    def _license(
        self, states: States, asker: Asker, now: datetime
    ) -> tuple[License, tuple[LicenseImported, ...]] | Refusal:
        """The license that was named, and what a file of it brings that was not known."""
        license_ = states.license(self.license)
        if self.file is not None and asker.may_see(license_ or self.file.file):
            return offline.take_in(license_, self.file, now)
        if self.activation_key_sha256 is not None and (
            license_ is None or license_.activation_key_sha256 != self.activation_key_sha256
        ):
            return refusals.UnknownActivationKey()
        if license_ is None or not asker.may_see(license_):
            return refusals.UnknownLicense(license=self.license)
        if license_.is_imported:
            return refusals.LicenseFileRequired(
                deployment=self.deployment, license=license_.id, command=self.name
            )
        return license_, ()

    def asked(self) -> dict[str, Any]:
        asked = super().asked()
        asked.pop("activation_key_sha256", None)
        if self.file is not None:
            asked["file"] = {"digest": self.file.file.digest(), "key": self.file.key}
        return {**asked, "mode": str(self.mode)}

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
        bound_to = None if self.file is None else self.file.file.deployment
        if bound_to not in (None, self.deployment):
            return refusals.LicenseFileForAnotherDeployment(
                deployment=self.deployment, license=license_.id, bound_to=bound_to
            )
        return roles.activate(license_, deployment, self.mode, now)


class RegisterBackup(TakeRole, frozen=True, kw_only=True):
    """Make a deployment a hot backup."""

    name = "register"
    standby_for: str | None = None

    def decide_on(self, license_: License, deployment: Deployment, now: datetime) -> Decision:
        return roles.register(license_, deployment, self.mode, self.standby_for, now)


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
        return roles.deactivate(license_, deployment)


class UnregisterBackup(ChangeRole, frozen=True, kw_only=True):
    """End the role of a backup."""

    name = "unregister"

    def decide_on(
        self, license_: License | None, deployment: Deployment, now: datetime
    ) -> Decision:
        return roles.unregister(license_, deployment)


class NominateBackup(ChangeRole, frozen=True, kw_only=True):
    """Make a backup the active one, in place of the former."""

    name = "nominate"
    replaces: str | None = None
    wait_for_release: bool = False
    asked_at: datetime | None = None
    """When the request came in."""

    def asked(self) -> dict[str, Any]:
        asked = super().asked()
        asked.pop("asked_at", None)
        if not self.wait_for_release:
            del asked["wait_for_release"]
        return asked

    def reads(self, known: States) -> Iterator[str]:
        yield from super().reads(known)
        deployment = known.deployment(self.deployment)
        bound = known.license(deployment.license)
        if bound is not None and deployment.role is Role.BACKUP:
            replaced = roles.replaced_by(bound, deployment, self.replaces)
            # The former active one is released on its own stream, so its version counts too.
            if isinstance(replaced, str):
                yield deployment_stream(replaced)

    def decide_on(
        self, license_: License | None, deployment: Deployment, now: datetime
    ) -> Decision:
        nomination = roles.Nomination(
            replaces=self.replaces,
            wait_for_release=self.wait_for_release,
            asked_at=self.asked_at,
        )
        return roles.nominate(license_, deployment, nomination, now)


class ConfirmRole(ChangeRole, frozen=True, kw_only=True):
    """Keep that a deployment serves in its new role, or has ended its former one."""

    name = "confirm-role"
    owed: Owed
    """What was confirmed: the role may have changed once more since."""

    def decide_on(
        self, license_: License | None, deployment: Deployment, now: datetime
    ) -> Decision:
        return confirm(deployment, self.owed)


class RejectFile(ChangeRole, frozen=True, kw_only=True):
    """Keep a record of a license file that nobody should have shown: its signature is no good."""

    name = "present-file"
    command: str
    """The command that it was shown with: `activate` or `register`."""
    refusal: Refusal
    digest: str
    """SHA-256 of the text that was shown, in hex: nothing that it says can be believed."""

    def decide(self, states: States, asker: Asker, now: datetime) -> Decision:
        return self.refusal

    def asked(self) -> dict[str, Any]:
        return {"deployment": self.deployment, "mode": str(Mode.OFFLINE), "digest": self.digest}

    def refused(self, states: States, asker: Asker, refusal: Refusal) -> CommandRefused | None:
        home = self.license_of(states)
        if home is not None and not asker.may_see(home):
            return None  # nothing of an asker's doing stands with what it may not see
        refused = super().refused(states, asker, refusal)
        return refused and msgspec.structs.replace(refused, command=self.command)
