"""Refusals about the role that a deployment holds, or wants."""

from hotslot.domain import remedies
from hotslot.domain.refusals.refusal import Refusal
from hotslot.domain.remedies import NAMED, Remedy, names


class BackupCannotActivate(Refusal, frozen=True, kw_only=True):
    """A deployment that is registered as a backup was to be activated."""

    code = "backup-cannot-activate"
    status = 409
    title = "A backup cannot be activated directly"
    deployment: str
    license: str
    mode: str
    imported: bool = False

    def detail(self) -> str:
        nominate = "Nominate it, or unregister" if self.mode == "online" else "Unregister"
        return (
            f"{self.deployment} is registered as a hot backup on license {self.license}. "
            f"{nominate} it and activate it then."
        )

    def remedies(self) -> tuple[Remedy, ...]:
        unregister = remedies.unregister_and_activate(self.deployment, with_file=self.imported)
        if self.mode == "online":
            return remedies.nominate(self.deployment), unregister
        return (unregister,)


class ActiveCannotBeBackup(Refusal, frozen=True, kw_only=True):
    """A deployment that is active was to be registered as a backup."""

    code = "active-cannot-be-backup"
    status = 409
    title = "An active deployment cannot be registered as a backup"
    deployment: str
    license: str
    imported: bool = False

    def detail(self) -> str:
        return (
            f"{self.deployment} is active on license {self.license}. "
            "Deactivate it first, then register it as a backup."
        )

    def remedies(self) -> tuple[Remedy, ...]:
        register = remedies.register_with_file if self.imported else remedies.register
        return remedies.deactivate(self.deployment), register(self.deployment)


class OfflineBackupCannotBeNominated(Refusal, frozen=True, kw_only=True):
    """A backup that was registered in offline mode was to be nominated."""

    code = "offline-backup-cannot-be-nominated"
    status = 409
    title = "An offline backup cannot be nominated"
    deployment: str
    license: str
    actives: tuple[str, ...]
    bound_to: str | None = None
    """The one deployment that the file which brought the license may activate; None is any."""

    def detail(self) -> str:
        return (
            f"{self.deployment} was registered in offline mode and cannot be nominated directly. "
            "Deactivate the active deployment, unregister the backup, then activate it. "
            f"{self._file_first()}"
            "The same reason on all three steps makes them one procedure in the trail."
        )

    def _file_first(self) -> str:
        """Who finds out at the third step has nothing active until the vendor's file is there."""
        if self.bound_to in (None, self.deployment):
            return ""
        return (
            f"The file that brought license {self.license} activates {self.bound_to} only: before "
            f"the first step, have one at hand that is for {self.deployment}, or for any. The "
            f"vendor makes it: GET /v1/licenses/{self.license}/file?deployment={self.deployment}. "
        )

    def remedies(self) -> tuple[Remedy, ...]:
        return (
            remedies.deactivate_one(self.actives),
            remedies.unregister(self.deployment),
            remedies.activate_with_file(self.deployment),
        )


class BoundToAnotherLicense(Refusal, frozen=True, kw_only=True):
    """The deployment holds a role on another license."""

    code = "bound-to-another-license"
    status = 409
    title = "The deployment holds a role on another license"
    deployment: str
    license: str | None
    """None where it is told to those who may not know of that license."""
    role: str

    def detail(self) -> str:
        where = f"license {self.license}" if self.license else "a license of another customer"
        return (
            f"{self.deployment} is {self.role} on {where}. "
            "A deployment holds a role on one license at most; release it there first."
        )

    def remedies(self) -> tuple[Remedy, ...]:
        release = remedies.deactivate if self.role == "active" else remedies.unregister
        return (release(self.deployment),)


class NoFreeSlot(Refusal, frozen=True, kw_only=True):
    """All slots of the license are taken."""

    code = "no-free-slot"
    status = 409
    title = "No free slot"
    deployment: str
    license: str
    slots: int
    holders: tuple[str, ...]
    imported: bool = False

    def detail(self) -> str:
        return (
            f"All {self.slots} slot(s) of license {self.license} are taken, by: "
            f"{names(self.holders)}."
        )

    def remedies(self) -> tuple[Remedy, ...]:
        deactivate = remedies.deactivate(
            self.holders[0] if len(self.holders) == 1 else "{one of the holders}"
        )
        if self.imported:
            return (
                deactivate,
                remedies.register_with_file(self.deployment),
                remedies.carry_newer_file(
                    f"with more slots, for {self.deployment} or for any", self.deployment
                ),
            )
        return (
            deactivate,
            remedies.register(self.deployment),
            Remedy("resize", f"Get more slots: POST /v1/licenses/{self.license}/resize"),
        )


class NotActive(Refusal, frozen=True, kw_only=True):
    """A deployment that is not active was to be deactivated."""

    code = "not-active"
    status = 409
    title = "The deployment is not active"
    deployment: str
    role: str

    def detail(self) -> str:
        return f"{self.deployment} is {self.role}, not active: there is nothing to deactivate."

    def remedies(self) -> tuple[Remedy, ...]:
        return (remedies.unregister(self.deployment),) if self.role == "backup" else ()


class NotABackup(Refusal, frozen=True, kw_only=True):
    """A deployment that is no backup was to be unregistered or nominated."""

    code = "not-a-backup"
    status = 409
    title = "The deployment is not a backup"
    deployment: str
    role: str
    command: str

    def detail(self) -> str:
        return (
            f"{self.deployment} is {self.role}, not a backup: there is nothing to {self.command}."
        )

    def remedies(self) -> tuple[Remedy, ...]:
        # A nominated one that is active, and an unregistered one that is unlicensed, are as wanted.
        if self.role == "active" and self.command != "nominate":
            return (remedies.deactivate(self.deployment),)
        if self.role == "unlicensed" and self.command != "unregister":
            return (remedies.register(self.deployment),)
        return ()


class NotLicensed(Refusal, frozen=True, kw_only=True):
    """A deployment that holds no role asked for a lease."""

    code = "not-licensed"
    status = 409
    title = "The deployment holds no role"
    deployment: str
    former: str | None
    """The license of the role that it held last, where there was one."""

    def detail(self) -> str:
        lost = f" The one that it had on license {self.former} has ended." if self.former else ""
        return (
            f"{self.deployment} holds no role on any license, so there is no lease for it.{lost} "
            "Whatever takes a license, such as processing, has to stop."
        )

    def remedies(self) -> tuple[Remedy, ...]:
        return remedies.register(self.deployment), remedies.activate(self.deployment)


class ActiveIsAmbiguous(Refusal, frozen=True, kw_only=True):
    """A backup was nominated without saying which of several active deployments it replaces."""

    code = "active-is-ambiguous"
    status = 409
    title = "Which active deployment is to be replaced?"
    deployment: str
    actives: tuple[str, ...]

    def detail(self) -> str:
        return (
            f"{self.deployment} could replace any of {len(self.actives)} active deployments: "
            f"{names(self.actives)}. Name one in `replaces`."
        )

    def remedies(self) -> tuple[Remedy, ...]:
        return tuple(remedies.nominate(self.deployment, active) for active in self.actives[:NAMED])


class ReplacedIsNotActive(Refusal, frozen=True, kw_only=True):
    """The deployment that a nomination names in `replaces` holds no slot on this license."""

    code = "replaced-is-not-active"
    status = 412
    title = "The deployment to be replaced is not active"
    deployment: str
    replaces: str
    license: str
    actives: tuple[str, ...]

    def detail(self) -> str:
        actives = f"Active are: {names(self.actives)}." if self.actives else "No one is."
        return f"{self.replaces} is not active on license {self.license}. {actives}"

    def remedies(self) -> tuple[Remedy, ...]:
        if not self.actives:
            return (remedies.nominate(self.deployment),)
        return tuple(remedies.nominate(self.deployment, active) for active in self.actives[:NAMED])


class UnknownDeployment(Refusal, frozen=True, kw_only=True):
    """The actor may not see the deployment, or it holds nothing that the actor may see."""

    code = "unknown-deployment"
    status = 404
    title = "Unknown deployment"
    deployment: str

    def detail(self) -> str:
        return f"There is no deployment {self.deployment} here that this key may see."
