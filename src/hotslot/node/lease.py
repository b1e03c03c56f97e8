"""A lease: a token of the backend, once it was verified, and how long it holds here."""

from datetime import UTC, datetime
from typing import Literal

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from hotslot.domain.times import write_time
from hotslot.node.clock import Clock

LONGEST_SECONDS = 3600
"""No lease lasts longer, whoever signed it."""

_ISSUER = "hotslot"
_AUDIENCE = "hotslot-node"
_ALGORITHM = "EdDSA"


class LeaseRefusedError(Exception):
    """A token that gives this instance no rights; the message says why, and never what it was."""


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """What a token says."""

    deployment: str = msgspec.field(name="sub")
    license: str
    role: Literal["active", "backup"]
    rights: frozenset[str]
    term: int
    position: int
    issued_at: float = msgspec.field(name="iat")
    ends_at: float = msgspec.field(name="exp")

    @property
    def seconds(self) -> float:
        """How long it lasts, from when it was asked for."""
        return self.ends_at - self.issued_at


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """The newest lease that was ever accepted: an older one is not, or it could be played again."""

    license: str
    term: int
    position: int
    issued_at: float

    @classmethod
    def of(cls, claims: Claims) -> "Seen":
        """What to remember of a lease."""
        return cls(
            license=claims.license,
            term=claims.term,
            position=claims.position,
            issued_at=claims.issued_at,
        )


class Lease(msgspec.Struct, kw_only=True):
    """A token, and how much of its time has passed since it was asked for.

    Not since it came: it may have been on its way for as long as it lasts. Between two looks, the
    clock that went on further counts: the steady one stands still while a machine is suspended, and
    the other may be set back. So nothing that is done to one of them prolongs a lease.
    """

    token: str
    claims: Claims
    boot: str | None
    """What `elapsed` counts from, where it is known."""
    elapsed: float
    """The steady clock, at the last look."""
    wall: float
    """The wall clock, at the last look."""
    passed: float = 0.0

    def left(self, clock: Clock) -> float:
        """Seconds until it ends; 0 or less when it has ended."""
        elapsed, wall = clock.elapsed(), clock.wall()
        self.passed += max(elapsed - self.elapsed, wall - self.wall, 0.0)
        self.elapsed, self.wall = elapsed, wall
        return self.claims.seconds - self.passed

    def check_clock(self, clock: Clock) -> None:
        """Raise `LeaseRefusedError` if the steady clock is not the one that it was counted by.

        The wall clock alone is not enough: it may show any time after a reboot, also one that is
        later than the last that was kept and earlier than the lease's end.
        """
        same = self.boot is not None and self.boot == clock.boot
        # The count can't run backwards: if it does, it is another machine's.
        if not same or clock.elapsed() < self.elapsed:
            raise LeaseRefusedError(
                "the machine was started again since, or may have been, and its wall clock alone "
                "doesn't tell for certain how much of the lease has passed"
            )


def key_of(token: str) -> str:
    """The id of the key that a token says it was signed with.

    Raises:
        LeaseRefusedError: it is no token, or names no key.

    """
    try:
        kid = jwt.get_unverified_header(token).get("kid")
    except jwt.PyJWTError:
        raise LeaseRefusedError("it is no signed token") from None
    if not isinstance(kid, str):
        raise LeaseRefusedError("it doesn't say which key signed it")
    return kid


def verify(token: str, key: Ed25519PublicKey, deployment: str) -> Claims:
    """What the token says, if that key signed it for this deployment.

    Its times are taken as a length, not compared with the clock here: this machine's may be wrong.

    Raises:
        LeaseRefusedError: another key or algorithm, for something or somebody else, or no lease.

    """
    try:
        said = jwt.decode(
            token,
            key,
            algorithms=[_ALGORITHM],
            audience=_AUDIENCE,
            issuer=_ISSUER,
            subject=deployment,
            options={"verify_exp": False, "verify_iat": False},
        )
        claims = msgspec.convert(said, Claims)
    except jwt.exceptions.InvalidSubjectError:
        raise LeaseRefusedError("it is for another deployment") from None
    except jwt.InvalidAudienceError:
        raise LeaseRefusedError(f"it is for another audience than `{_AUDIENCE}`") from None
    except jwt.InvalidIssuerError:
        raise LeaseRefusedError(f"it is by another issuer than `{_ISSUER}`") from None
    except jwt.InvalidSignatureError:
        raise LeaseRefusedError("its signature doesn't fit the key that it names") from None
    except jwt.InvalidAlgorithmError:
        raise LeaseRefusedError(f"it is signed in another way than {_ALGORITHM}") from None
    except (jwt.PyJWTError, msgspec.ValidationError) as error:
        raise LeaseRefusedError(f"it is not of the form of a lease ({error})") from None
    # Written so that it is false for what is no number.
    if not 0 < claims.seconds <= LONGEST_SECONDS:
        raise LeaseRefusedError(f"it would last {claims.seconds} s, and at most 3600 s are allowed")
    return claims


def check_order(claims: Claims, seen: Seen | None) -> None:
    """Raise `LeaseRefusedError` unless this lease is newer than the newest seen before."""
    if seen is None:
        return
    if claims.position < seen.position:
        raise LeaseRefusedError(
            f"it is of position {claims.position}, and one of position {seen.position} was seen "
            "before"
        )
    if claims.license == seen.license and claims.term < seen.term:
        raise LeaseRefusedError(
            f"it is of term {claims.term}, and one of term {seen.term} was seen before"
        )
    if claims.position == seen.position and claims.issued_at <= seen.issued_at:
        raise LeaseRefusedError(
            "it is not newer than one seen before (issued "
            f"{write_time(datetime.fromtimestamp(seen.issued_at, UTC))}): it is a copy, or the "
            "backend's clock was set back"
        )
