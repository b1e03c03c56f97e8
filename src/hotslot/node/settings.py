"""What a node can be told, by environment variables that begin with `HOTSLOT_NODE_`."""

import re
from pathlib import Path

from pydantic import Field, HttpUrl, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

_APIKEY = re.compile(r"[0-9a-f]{36}")
_VISIBLE = re.compile(r"[\x21-\x7e]+")


class NodeSettings(BaseSettings):
    """Settings of one instance."""

    model_config = SettingsConfigDict(
        env_prefix="HOTSLOT_NODE_", env_ignore_empty=True, extra="ignore", hide_input_in_errors=True
    )

    data_dir: Path = Field(
        default=Path(".hotslot-node"),
        description="Where this instance keeps its deployment ID, its memory and its engines. "
        "Each instance needs its own.",
    )
    backend: HttpUrl = Field(
        default=HttpUrl("http://127.0.0.1:8000"), description="The licensing backend to ask."
    )
    deployment: str | None = Field(
        default=None,
        description="The deployment ID, at the first start. Unset, it is `MSCL` and a random UUID. "
        "It is kept in the data directory, and stays.",
    )
    key: SecretStr | None = Field(
        default=None,
        description="An API key of role `node` for this deployment. Unset, the activation key is "
        "used that the instance was activated or registered with.",
    )
    trusted_keys: Path | None = Field(
        default=None,
        description="Public keys that leases must be signed with: a folder of PEM files, or one "
        "such file. Unset, those are trusted that the backend shows at the first contact.",
    )
    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8008, ge=0, le=65535, description="Port to listen on; 0 takes any.")

    apikey: SecretStr | None = Field(
        default=None,
        description="The `apikey` header that is let into `/admin` without a login: 36 of "
        "`0-9a-f`. Unset, there are sessions only.",
    )
    admin_password: SecretStr | None = Field(
        default=None,
        description="The password of the user `admin`, 8 to 1024 characters; given later, it "
        "replaces the former one. Unset, one is made at the first start and printed this once.",
    )
    reader_password: SecretStr | None = Field(
        default=None,
        description="The password of the user `reader`, who may see everything under `/admin` and "
        "change nothing. Unset, there is no such user.",
    )
    update_source: str | None = Field(
        default=None,
        description="Where engines come from: a folder, or the URL of one, that `hotslot engines "
        "publish` has made.",
    )
    max_file_bytes: int = Field(
        default=2 << 30, ge=1, description="The largest file that `POST /file` takes, in bytes."
    )
    upstream: str | None = Field(
        default=None,
        description="A product to stand before as a gate, as `http://127.0.0.1:8009`. The node "
        "then has no engines of its own, and passes on the calls that it does not answer itself.",
    )
    held_back: str = Field(
        default="POST /file*",
        description="For a gate, the calls that take the right to process: a method and a path "
        "each, with commas between them; `*` is any method, or any part of a path.",
    )

    @field_validator("apikey")
    @classmethod
    def _is_an_apikey(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None and not _APIKEY.fullmatch(key.get_secret_value()):
            raise ValueError("it has 36 characters, each of 0-9 and a-f")
        return key

    @field_validator("admin_password", "reader_password")
    @classmethod
    def _is_a_password(cls, password: SecretStr | None) -> SecretStr | None:
        if password is not None and not 8 <= len(password.get_secret_value()) <= 1024:  # noqa: PLR2004
            raise ValueError("a password has 8 to 1024 characters")
        return password

    @field_validator("key")
    @classmethod
    def _fits_a_header(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None and not _VISIBLE.fullmatch(key.get_secret_value()):
            raise ValueError("an API key has visible ASCII characters only, without spaces")
        return key
