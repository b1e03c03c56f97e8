"""Who may ask this instance: users with sessions, and whoever has its API key."""

import asyncio
import hashlib
import hmac
import math
import time
from collections.abc import Callable

import structlog
from pydantic import SecretStr

from hotslot.node.core_api.accounts import Accounts, User
from hotslot.node.core_api.sessions import Opened, Sessions
from hotslot.node.core_api.throttle import Throttle

LONGEST_PASSWORD = 1024
_HASHES_AT_ONCE = 1
"""Each takes 32 MiB and much of a core: logins wait for each other, and files are scanned on."""

_KEY_HOLDER = User("apikey", "admin")

_log = structlog.get_logger(__name__)


class LoginFailedError(Exception):
    """No user of this name has this password."""


class TooManyTriesError(Exception):
    """There were many failed logins from this address; `seconds` says when to try again."""

    def __init__(self, seconds: float) -> None:
        self.seconds = math.ceil(seconds)
        super().__init__(
            f"Too many failed logins from this address. Try again in {self.seconds} s."
        )


class Access:
    """Knows the users, the open sessions and the API key of one instance."""

    def __init__(
        self,
        accounts: Accounts | None,
        apikey: SecretStr | None,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        """Without accounts, nobody can log in."""
        self._accounts = accounts
        self._apikey = None if apikey is None else _digest(apikey.get_secret_value())
        self._sessions = Sessions(elapsed)
        self._throttle = Throttle(elapsed)
        self._hashing = asyncio.Semaphore(_HASHES_AT_ONCE)

    @property
    def new_password(self) -> str | None:
        """The admin's password, if it was made up at this start: show it, it is kept nowhere."""
        return None if self._accounts is None else self._accounts.new_password

    def who(self, apikey: str) -> User | None:
        """Who shows this: the id of an open session, or the API key; None for anything else."""
        return _KEY_HOLDER if self.is_apikey(apikey) else self._sessions.user(apikey)

    def is_apikey(self, shown: str) -> bool:
        """Whether this is the API key, in the same time whatever it is."""
        return self._apikey is not None and hmac.compare_digest(self._apikey, _digest(shown))

    async def login(self, name: str, password: str, address: str) -> Opened:
        """Begin a session.

        Raises:
            LoginFailedError: the name or the password is wrong.
            TooManyTriesError: neither was looked at.

        """
        if (wait := self._throttle.begin(address)) > 0:
            _log.warning("login-throttled", address=address, seconds=round(wait, 1))
            raise TooManyTriesError(wait)
        user = None
        if self._accounts is not None and len(password) <= LONGEST_PASSWORD:
            async with self._hashing:
                user = await asyncio.to_thread(self._accounts.check, name, password)
        if user is None:
            _log.warning("login-failed", address=address)  # a password may stand in the name
            raise LoginFailedError
        self._throttle.succeeded(address)
        _log.info("logged-in", user=user.name, address=address)
        return self._sessions.open(user)

    def logout(self, session_id: str) -> None:
        """End a session."""
        self._sessions.close(session_id)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()
