"""The database's files: making them, and the configuration that the server starts with."""

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hotslot.ledger.postgres.account import Account
from hotslot.ledger.postgres.errors import EmbeddedPostgresError
from hotslot.ledger.postgres.places import PORT, sync_folder
from hotslot.ledger.postgres.programs import Programs

ROLE = "hotslot"
DISK_IS_FULL = 1 << 20  # bytes: with less, not even the first file of a log of writes fits

CONFIG = """\
# Written by Hotslot at every start: changes here do not last. ALTER SYSTEM's do.
listen_addresses = ''
port = {port}
unix_socket_directories = {sockets}
unix_socket_permissions = 0700
hba_file = {hba}
ident_file = {ident}
max_connections = 200

# What was answered as done must be there after a power cut.
fsync = on
synchronous_commit = on
full_page_writes = on
shared_buffers = 128MB
# There is no replica; backups are taken with pg_dump.
wal_level = minimal
max_wal_senders = 0
autovacuum = on
# Compiling a query takes longer than any of ours runs.
jit = off
# Files in the data directory: systemd deletes an ordinary user's shared memory at logout.
dynamic_shared_memory_type = mmap

timezone = 'UTC'
log_timezone = 'UTC'
lc_messages = 'C'
log_line_prefix = '%m [%p] '
log_checkpoints = off
# Statements can hold what people entered, and a refused insert is part of the normal course.
log_min_error_statement = panic
"""


@dataclass(frozen=True, slots=True)
class Cluster:
    """The database in this home, of these programs and this account."""

    home: Path
    programs: Programs
    account: Account

    @property
    def data(self) -> Path:
        """PostgreSQL's own data directory."""
        return self.home / "data"

    @property
    def config(self) -> Path:
        """The configuration file; its path also marks a running server as ours."""
        return self.home / "postgresql.conf"

    @property
    def log(self) -> Path:
        """What the server has to say, since it was last started."""
        return self.home / "server.log"

    @property
    def command(self) -> list[str]:
        """The command that runs the server, in the foreground."""
        postgres = self.programs.folder / "postgres"
        return [str(postgres), "-D", str(self.data), "-c", f"config_file={self.config}"]

    def prepare(self) -> None:
        """Make the database if there is none, and begin a new log.

        Raises `EmbeddedPostgresError` when the files are of another major version, or can't be
        made, and `OSError` when one of ours can't be written.
        """
        for unfinished in self.home.glob("data.making-*"):
            shutil.rmtree(unfinished, ignore_errors=True)
        if self.data.exists():
            self._check_version()
        else:
            self._make_data()
        if self.log.exists():
            self.log.replace(self.home / "server.log.1")

    def configure(self, sockets: Path) -> None:
        """Write the configuration for this start. Raises `OSError` when it can't."""
        hba, ident = self.home / "pg_hba.conf", self.home / "pg_ident.conf"
        config = CONFIG.format(
            port=PORT,
            sockets=_value(f'"{sockets}"'),  # quoted twice: it is a list, parted by commas
            hba=_value(str(hba)),
            ident=_value(str(ident)),
        )
        users = {self.account.name, "root"}
        for path, text in (
            (self.config, config),
            (hba, f"local all all peer map={ROLE}\n"),
            (ident, "".join(f'{ROLE} "{user}" {ROLE}\n' for user in sorted(users))),
        ):
            path.write_text(text, encoding="utf-8")
            path.chmod(0o644)  # PostgreSQL's account must be able to read it

    def open_log(self) -> int:
        """Open the log for a process to write to, readable for nobody else; a descriptor."""
        return os.open(self.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def log_tail(self) -> str:
        """Return the last lines of the server's log, indented, for an error to show."""
        try:
            return _tail(self.log.read_text(encoding="utf-8", errors="replace"))
        except FileNotFoundError:
            return _tail("")

    def advice(self, said: str) -> str:
        """Say what to do about what a program of PostgreSQL complained of."""
        # A server on a full disk cannot even write its complaint down.
        full = shutil.disk_usage(self.home).free < DISK_IS_FULL
        if full or any(sign in said for sign in ("No space left on device", "quota exceeded")):
            return "The disk is full: free some space, or choose another data directory."
        return "Correct what it complains of, or choose another data directory."

    def _check_version(self) -> None:
        made_by = (self.data / "PG_VERSION").read_text(encoding="utf-8").strip()
        if made_by != self.programs.major:
            raise EmbeddedPostgresError(
                f"The database in {self.data} was made by PostgreSQL {made_by}, and the programs "
                f"in {self.programs.folder} are version {self.programs.version}, which cannot "
                f"read it. Point HOTSLOT_PG_BIN at programs of PostgreSQL {made_by}, or carry the "
                f"data over with pg_dump of {made_by} into an empty data directory."
            )

    def _make_data(self) -> None:
        # Made beside its place and renamed: an interrupted start leaves nothing half made there.
        making = Path(tempfile.mkdtemp(prefix="data.making-", dir=self.home))
        try:
            self.account.take(making)
            made = self.account.run(
                self.programs.folder / "initdb",
                f"--pgdata={making}",
                f"--username={ROLE}",
                "--no-locale",
                "--encoding=UTF8",
                "--data-checksums",
                "--auth-local=peer",
                "--auth-host=reject",
                "--no-instructions",
            )
            if made.returncode != 0:
                raise EmbeddedPostgresError(
                    f"PostgreSQL could not make a database in {self.home}. "
                    f"{self.advice(made.stdout)} It said:\n{_tail(made.stdout)}"
                )
            making.rename(self.data)
            sync_folder(self.home)
        finally:
            shutil.rmtree(making, ignore_errors=True)


def _value(text: str) -> str:
    """Write a text as a value of the configuration file."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def _tail(output: str) -> str:
    """Return the last lines, indented, for an error to show."""
    return "\n".join(f"  {line}" for line in output.strip().splitlines()[-12:]) or "  (nothing)"
