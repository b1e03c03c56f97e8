"""Where the embedded PostgreSQL keeps its data and its socket.

The data's *home* is a folder that holds the database's files, its configuration, log and lock:

- `<data dir>/postgres`, as a rule;
- a folder under `/var/lib/hotslot/clusters` when root runs Hotslot and PostgreSQL's account can't
  enter the data directory. A file in the data directory then says where. Permissions of folders
  that are not ours stay as they are.
"""

import contextlib
import hashlib
import os
import secrets
import shutil
import stat
import tempfile
from pathlib import Path

from hotslot.ledger.postgres.account import Account
from hotslot.ledger.postgres.errors import EmbeddedPostgresError

SHARED = Path("/var/lib/hotslot")
POINTER = "postgres.location"
SOCKET_PREFIX = "hotslot-"
PORT = 5432  # only names the socket's file: nothing listens on the network
# A socket's address holds 107 bytes on Linux and 103 on macOS.
SOCKET_PATH_LIMIT = 103


def settle_home(data_dir: Path, account: Account) -> Path:
    """Find the home of this data directory, or make it where the account can reach it.

    Raises `EmbeddedPostgresError` when it belongs to somebody else or cannot be reached, and
    `OSError` when it can't be made.
    """
    home = find_home(data_dir)
    if home is None:
        _make_data_dir(data_dir, account)
        if not account.switched or account.can_enter(data_dir):
            home = data_dir / "postgres"
            with contextlib.suppress(FileExistsError):  # another process was first
                home.mkdir()
                home.chmod(_open_for(account))
        else:
            home = _make_elsewhere(data_dir)
    owner = home.stat().st_uid
    if owner != os.geteuid():
        raise EmbeddedPostgresError(
            f"The database in {home} belongs to user id {owner}, and this is user id "
            f"{os.geteuid()}. Run as that user, or choose another data directory "
            "(HOTSLOT_DATA_DIR, --data-dir)."
        )
    if account.switched and not account.can_enter(home):
        raise EmbeddedPostgresError(
            f"Run by root, PostgreSQL runs as the user {account.name!r}, who can no longer enter "
            f"{home}. Move the data directory back to where this user can reach it."
        )
    return home


def find_home(data_dir: Path) -> Path | None:
    """Return the home of this data directory, or None when it has none yet.

    Raises `EmbeddedPostgresError` when its database is gone or isn't this user's to use.
    """
    pointer = data_dir / POINTER
    try:
        home = Path(pointer.read_text(encoding="utf-8").partition("\n")[0])
    except FileNotFoundError:
        home = data_dir / "postgres"
        return home if home.is_dir() else None
    if home.parent != SHARED / "clusters":
        raise EmbeddedPostgresError(
            f"{pointer} names {home}, which is no place that Hotslot keeps a database in. "
            "Restore the file, or delete it to begin with an empty database."
        )
    if os.geteuid() != 0:
        raise EmbeddedPostgresError(
            f"The database of {data_dir} was made by root and lies in {home}. Run as root, or "
            "choose another data directory (HOTSLOT_DATA_DIR, --data-dir)."
        )
    if not home.is_dir():
        raise EmbeddedPostgresError(
            f"The database of {data_dir} was in {home}, which is gone. Restore that folder, or "
            f"delete {pointer} to begin with an empty database."
        )
    return home


def remove_home(data_dir: Path) -> None:
    """Delete the home of this data directory, and what points to it."""
    home = find_home(data_dir)
    if home is not None:
        (data_dir / POINTER).unlink(missing_ok=True)
        shutil.rmtree(home)


def shared_folder(name: str) -> Path:
    """Return a folder of root's under `/var/lib/hotslot`, made if need be, for all to enter."""
    for folder in (SHARED, SHARED / name):
        with contextlib.suppress(FileExistsError):
            folder.mkdir(parents=True)
            folder.chmod(0o755)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != 0 or found.st_mode & 0o022:
            raise EmbeddedPostgresError(
                f"{folder} must be a folder that belongs to root and that nobody else may write "
                "in. Correct that, or give a database (HOTSLOT_DATABASE_URL)."
            )
    return SHARED / name


def make_socket_dir(account: Account) -> Path:
    """Make a folder for the socket that only the account (and root) can enter."""
    # Not in XDG_RUNTIME_DIR, which goes when its user logs out, with the server still running.
    # A new name for every start: no other user can stand in the way by taking it first.
    for parent in dict.fromkeys((Path(tempfile.gettempdir()).resolve(), Path("/tmp"))):  # noqa: S108
        longest = parent / f"{SOCKET_PREFIX}12345678" / f".s.PGSQL.{PORT}"
        if len(os.fsencode(longest)) <= SOCKET_PATH_LIMIT and account.can_enter(parent):
            folder = Path(tempfile.mkdtemp(prefix=SOCKET_PREFIX, dir=parent))
            account.take(folder)
            return folder
    raise EmbeddedPostgresError(
        f"There is no folder for PostgreSQL's socket: {tempfile.gettempdir()} is too long for one "
        f"(the limit is {SOCKET_PATH_LIMIT} bytes) or user {account.name!r} cannot enter it, and "
        "so is /tmp. Set TMPDIR to a short path that this user can enter."
    )


def sync_folder(folder: Path) -> None:
    """See to it that a rename in this folder outlasts a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _make_data_dir(data_dir: Path, account: Account) -> None:
    with contextlib.suppress(FileExistsError):
        data_dir.parent.mkdir(parents=True, exist_ok=True)
        data_dir.mkdir()
        # Ours to set, since we made it; the umask may be stricter than PostgreSQL's account needs.
        data_dir.chmod(_open_for(account))


def _open_for(account: Account) -> int:
    """Return the mode of our folders: others may pass through only where the account must."""
    return 0o711 if account.switched else 0o700


def _make_elsewhere(data_dir: Path) -> Path:
    # The name tells the path, for people, and a random part keeps a database apart from one of an
    # earlier folder of the same path: who deletes the data directory gets an empty one next.
    name = f"{hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]}-{secrets.token_hex(3)}"
    home = shared_folder("clusters") / name
    home.mkdir()
    home.chmod(0o711)
    try:
        (home / "README").write_text(
            f"The database of a Hotslot that was run by root with the data directory\n{data_dir}\n",
            encoding="utf-8",
        )
        _write_once(
            data_dir / POINTER,
            f"{home}\n\nHotslot was run by root, and PostgreSQL's user cannot enter this folder: "
            "the database\nis in the folder above. Deleting this folder does not delete it.\n",
        )
    except FileExistsError:  # another process was first: its home is the one
        shutil.rmtree(home)
        return _existing(data_dir)
    except OSError:
        shutil.rmtree(home)
        raise
    return home


def _existing(data_dir: Path) -> Path:
    home = find_home(data_dir)
    if home is None:
        raise EmbeddedPostgresError(f"{data_dir / POINTER} went away just now. Start again.")
    return home


def _write_once(path: Path, text: str) -> None:
    """Write a file that is never seen half written; `FileExistsError` when there is one."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(handle)
        Path(name).chmod(0o644)  # so that another user is told whose database it is
        path.hardlink_to(name)
        sync_folder(path.parent)
    finally:
        Path(name).unlink()
