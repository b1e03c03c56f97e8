"""What the server can be told, by environment variables that begin with `HOTSLOT_`.

`docs/settings.md` is generated from this file.
"""

import re
from pathlib import Path

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict
from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

_VISIBLE = re.compile(r"[\x21-\x7e]+")
_ORIGIN = re.compile(r"[\x21-\x2a\x2c-\x7e]{1,255}")


class Settings(BaseSettings):
    """Settings of the server and of the commands that work on its database."""

    model_config = SettingsConfigDict(
        env_prefix="HOTSLOT_", env_ignore_empty=True, extra="ignore", hide_input_in_errors=True
    )

    database_url: SecretStr | None = Field(
        default=None,
        description="PostgreSQL to use, as a libpq URL. Unset, the server runs a PostgreSQL of "
        "its own in the data directory.",
    )
    data_dir: Path = Field(
        default=Path(".hotslot"),
        description="Where the embedded PostgreSQL keeps its files, and signing keys and log keys "
        "lie unless told otherwise.",
    )
    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port to listen on; 0 takes any.")
    workers: int = Field(default=1, ge=1, le=64, description="Number of serving processes.")
    admin_key: SecretStr | None = Field(
        default=None,
        min_length=1,
        description="Becomes the first admin key when there is none yet: visible ASCII, and best "
        "24 random characters or more. Unset or empty, one is made and printed once.",
    )
    pg_bin: Path | None = Field(
        default=None,
        description="Folder of the PostgreSQL programs that the embedded server uses, in place "
        "of those in the wheel.",
    )
    signing_keys: Path | None = Field(
        default=None,
        description="Folder of the keys that sign license files, or one PEM file. Unset, it is "
        "`signing-keys` in the data directory.",
    )
    trusted_keys: Path | None = Field(
        default=None,
        description="Public keys of the vendors whose license files are accepted here: a folder "
        "of PEM files, or one such file. Unset, only files that this server signed are.",
    )

    log_keys: Path | None = Field(
        default=None,
        description="Folder of the keys that sign checkpoints of the ledger, for auditors; the "
        "first is made when there is none. Unset, it is `log-keys` in the data directory.",
    )
    log_origin: str | None = Field(
        default=None,
        description="Name of the ledger in its checkpoints, best the address under which auditors "
        "reach it, without https://. Unset, it is `hotslot/` and the ledger's UUID.",
    )

    @property
    def log_keys_path(self) -> Path:
        """Where the keys that sign checkpoints are."""
        return self.log_keys or self.data_dir / "log-keys"

    @property
    def signing_keys_path(self) -> Path:
        """Where the signing keys are, or will be once the first is made."""
        return self.signing_keys or self.data_dir / "signing-keys"

    @field_validator("database_url")
    @classmethod
    def _is_an_address(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            try:
                conninfo_to_dict(url.get_secret_value())
            except ProgrammingError:
                # psycopg's own words show the address, and that may hold a password.
                raise ValueError(
                    "this is no libpq address; write postgresql://user:password@host:5432/database "
                    "and percent-encode what is special in the password"
                ) from None
        return url

    @field_validator("log_origin")
    @classmethod
    def _names_a_key(cls, origin: str | None) -> str | None:
        if origin is not None and not _ORIGIN.fullmatch(origin):
            raise ValueError(
                "an origin has at most 255 visible ASCII characters, without spaces and plus signs"
            )
        return origin

    @field_validator("admin_key")
    @classmethod
    def _fits_a_header(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None and not _VISIBLE.fullmatch(key.get_secret_value()):
            raise ValueError("an API key has visible ASCII characters only, without spaces")
        return key


class ClientSettings(BaseSettings):
    """Settings of the commands that talk to a server."""

    model_config = SettingsConfigDict(
        env_prefix="HOTSLOT_", env_ignore_empty=True, extra="ignore", hide_input_in_errors=True
    )

    url: str = Field(default="http://127.0.0.1:8000", description="The server to talk to.")
    key: SecretStr | None = Field(default=None, description="The API key to show to it.")
