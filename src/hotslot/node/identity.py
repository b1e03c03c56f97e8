"""Who this instance is, and that it is the only one that uses its data directory."""

import contextlib
import fcntl
import os
import uuid
from pathlib import Path

from hotslot.licensefiles.schema import ID
from hotslot.node.atomic_file import write_private

_ID_FILE = "deployment-id"
_HOLDER_FILE = "process"
_PREFIX = "MSCL"


class DataDirectoryError(Exception):
    """The data directory can't be used; the message says why, and what to do."""


class DataDirectory:
    """The folder where one instance keeps everything, held for as long as this object is open.

    A process that is killed lets go of it; nothing has to be tidied up before the next start.
    """

    def __init__(self, path: Path) -> None:
        """Take hold of it; the folder is made if need be.

        Raises:
            DataDirectoryError: another instance holds it, or it can't be written to.

        """
        self.path = path
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            # The folder itself: a file in it may be removed, and then another be locked.
            self._lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise DataDirectoryError(
                f"The data directory {path} can't be used: {error.strerror}. Name another with "
                "--data-dir, or have this user allowed to write there."
            ) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            process = self._holder()
            raise DataDirectoryError(
                f"Another node{process} runs on the data directory {path}. Each instance needs "
                "its own: two on one would be one deployment, and process twice. Stop the other, "
                "or name another folder with --data-dir."
            ) from None
        except OSError as error:
            os.close(self._lock)
            raise DataDirectoryError(
                f"The data directory {path} can't be locked: {error.strerror}. Name another with "
                "--data-dir, on a disk of this machine."
            ) from error
        # For a person alone: where it can't be written, the lock holds all the same.
        with contextlib.suppress(OSError):
            write_private(path / _HOLDER_FILE, f"{os.getpid()}\n".encode())

    def close(self) -> None:
        """Let go of it."""
        with contextlib.suppress(OSError):
            (self.path / _HOLDER_FILE).unlink()
        os.close(self._lock)

    def _holder(self) -> str:
        with contextlib.suppress(OSError, UnicodeDecodeError):
            holder = (self.path / _HOLDER_FILE).read_text("ascii").strip()
            if holder.isdecimal():
                return f" (process {holder})"
        return ""

    def deployment(self, wanted: str | None = None) -> str:
        """The deployment ID: the one of the first start, whatever became of the machine since.

        At the first start it is `wanted`, or else `MSCL` and a random UUID.

        Raises:
            DataDirectoryError: the folder belongs to another deployment, or the ID is none.

        """
        path = self.path / _ID_FILE
        try:
            known = path.read_text("utf-8").strip()
        except FileNotFoundError:
            return self._named(path, wanted or f"{_PREFIX}{uuid.uuid4()}")
        except (OSError, UnicodeDecodeError) as error:
            raise DataDirectoryError(
                f"The deployment ID in {path} can't be read: {error}"
            ) from None
        if not ID.fullmatch(known):
            raise DataDirectoryError(
                f"{path} holds no deployment ID. Write the ID of this instance into it; `hotslot "
                "status LICENSE` lists those of a license."
            )
        if wanted not in (None, known):
            raise DataDirectoryError(
                f"The data directory {self.path} belongs to the deployment {known}, not to "
                f"{wanted}. Leave out --deployment, or name another folder with --data-dir."
            )
        return known

    @staticmethod
    def _named(path: Path, deployment: str) -> str:
        if not ID.fullmatch(deployment):
            raise DataDirectoryError(
                "A deployment ID has 1 to 128 letters, digits and . _ ~ - : @, and begins with a "
                "letter or digit."
            )
        try:
            write_private(path, f"{deployment}\n".encode())
        except OSError as error:
            raise DataDirectoryError(
                f"The deployment ID can't be kept in {path}: {error.strerror}. It would be "
                "another one after a restart."
            ) from error
        return deployment
