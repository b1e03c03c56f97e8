"""The JSON bodies of the requests."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)

ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._~:@-]{0,127}$"
"""Ids are safe in paths, streams and logs."""

TEXT_PATTERN = r"^[^\x00-\x1f\x7f-\x9f]+$"
REASON_PATTERN = r"^[^\x00-\x1f\x7f-\x9f]*$"

NUL_FREE = r"^[^\x00]*$"
"""PostgreSQL has no text with a NUL in it."""

KEY_PATTERN = r"^[\x21-\x7e]+$"
"""What a header can carry too. Whether a key fits is no matter of its form."""

MAX_REASON = 1000

MAX_SLOTS = 100_000


def _written_out(value: object) -> object:
    """Numbers would be taken for seconds since 1970."""
    if not isinstance(value, str) or "T" not in value.upper():
        raise ValueError("use an RFC 3339 time such as 2026-01-31T12:00:00Z")
    return value


def _years_that_fit(value: datetime) -> datetime:
    """Some times near the ends of the calendar have no form in UTC."""
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError("the time is beyond the calendar") from None


Id = Annotated[str, Field(pattern=ID_PATTERN)]
Text = Annotated[str, Field(min_length=1, max_length=200, pattern=TEXT_PATTERN)]
ActivationKey = Annotated[str, Field(max_length=300, pattern=KEY_PATTERN)]
Reason = Annotated[str, Field(max_length=MAX_REASON, pattern=REASON_PATTERN)]
Time = Annotated[AwareDatetime, BeforeValidator(_written_out), AfterValidator(_years_that_fit)]
Slots = Annotated[int, Field(ge=1, le=MAX_SLOTS, strict=True)]


class Body(BaseModel):
    """Every command takes a reason; a field that is not known is an error."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason | None = Field(default=None, description="Why, for the audit trail.")


class IssueBody(Body):
    """A license to issue."""

    id: Id | None = Field(default=None, description="Left out, one is made.")
    product: Text
    customer: Text
    slots: Slots
    expires_at: Time | None = Field(default=None, description="Left out, it never expires.")


class RenewalBody(Body):
    """A new end of validity."""

    expires_at: Time | None = Field(description="null means never.")


class ResizeBody(Body):
    """A new number of slots."""

    slots: Slots


class TakeRoleBody(Body):
    """The license that the deployment is to have a role on: by its id, its key, or its file."""

    license: Id | None = None
    activation_key: ActivationKey | None = None
    license_file: str | None = Field(
        default=None,
        description="The text of a license file, 64 KiB at most: the role is had in offline mode.",
    )

    @model_validator(mode="after")
    def _names_one(self) -> "TakeRoleBody":
        given = (self.license, self.activation_key, self.license_file)
        if sum(each is not None for each in given) > 1:
            raise ValueError("give one of `license`, `activation_key` and `license_file`")
        return self


class RegistrationBody(TakeRoleBody):
    """As for an activation, and whom the backup stands by for."""

    standby_for: Id | None = Field(
        default=None, description="The active deployment that it would replace."
    )


class NominationBody(Body):
    """What a nomination replaces."""

    replaces: Id | None = Field(
        default=None, description="The active deployment to replace, where there are several."
    )
    dry_run: bool = Field(default=False, description="Tell what would be; record nothing.")
    wait_for_release: bool = Field(
        default=False,
        description="Have the new one process only when no lease of a former one holds any more.",
    )


class LeaseBody(BaseModel):
    """What the instance does while it asks. No reason: a lease is no event."""

    model_config = ConfigDict(extra="forbid")

    processing: bool | None = Field(
        default=None,
        strict=True,
        description="Whether it processes, or may begin to by the lease that it has. `false` from "
        "one that was released says that it has stopped, and is recorded once.",
    )


class LeaseDurationBody(Body):
    """How long leases last from now on."""

    seconds: Annotated[int, Field(ge=1, le=3600, strict=True)]


class KeyBody(Body):
    """An API key to make."""

    id: Id | None = Field(default=None, description="Left out, one is made.")
    role: Literal["admin", "operator", "auditor", "node"]
    customer: Text | None = Field(default=None, description="The one customer it may act for.")
    deployment: Id | None = Field(
        default=None, description="The one deployment it may act for; only for role `node`."
    )

    @model_validator(mode="after")
    def _fits_role(self) -> "KeyBody":
        if (self.role == "node") != (self.deployment is not None):
            raise ValueError("`deployment` goes with role `node`, and only with it")
        return self
