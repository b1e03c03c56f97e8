"""Sessions: who logged in, for as long as they come back."""

import base64
import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from hotslot.node.core_api.accounts import User

IDLE_SECONDS = 30 * 60
"""A session that is not used for so long has ended."""
LONGEST_SECONDS = 12 * 60 * 60
"""No session lasts longer, however much it is used."""
MOST = 1000
"""When one more begins, the one that was not used for longest ends."""


@dataclass
class _Session:
    user: User
    began: float
    used: float


@dataclass(frozen=True)
class Opened:
    """What a client is told when it logs in, this once."""

    session_id: str
    csrf_token: str
    """The Core's clients expect one. Nothing here asks for it: no cookie logs anybody in."""


class Sessions:
    """In memory only: a restart ends all. Ids are known by their hashes."""

    def __init__(self, elapsed: Callable[[], float]) -> None:
        """`elapsed` is a clock in seconds that only goes on."""
        self._elapsed = elapsed
        self._open: OrderedDict[bytes, _Session] = OrderedDict()  # last used comes last

    def open(self, user: User) -> Opened:
        """Begin a session."""
        now = self._elapsed()
        opened = Opened(
            secrets.token_hex(16), base64.b64encode(secrets.token_bytes(24)).decode("ascii")
        )
        self._open[_digest(opened.session_id)] = _Session(user, now, now)
        while len(self._open) > MOST:
            self._open.popitem(last=False)
        return opened

    def user(self, session_id: str) -> User | None:
        """Whose session it is; None when it has ended, or never was. It counts as used."""
        digest = _digest(session_id)
        session = self._open.get(digest)
        if session is None:
            return None
        now = self._elapsed()
        if now - session.used >= IDLE_SECONDS or now - session.began >= LONGEST_SECONDS:
            del self._open[digest]
            return None
        session.used = now
        self._open.move_to_end(digest)
        return session.user

    def close(self, session_id: str) -> None:
        """End it, if it has not ended."""
        self._open.pop(_digest(session_id), None)


def _digest(session_id: str) -> bytes:
    return hashlib.sha256(session_id.encode("utf-8", "surrogateescape")).digest()
