"""The errors of license files and their keys. Each message is for a person."""

from pathlib import Path

from hotslot.domain.refusals import Refusal


class UnreadableLicenseFileError(ValueError):
    """The text is no license file of this format.

    The message says what is wrong with it, where, and what to do about it.
    """

    def __init__(self, what: str, *, line: int | None = None, advice: str | None = None) -> None:
        place = "" if line is None else f" (line {line})"
        todo = advice or "Take the file again from the vendor's server, and carry it unchanged."
        super().__init__(f"This is no license file that can be read: {what}{place}. {todo}")


class UntrustedLicenseFileError(ValueError):
    """The file can be read, and its signature can't be trusted: `refusal` says why."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.detail())
        self.refusal = refusal


class KeyFolderError(RuntimeError):
    """Keys could not be read, made or revoked. The message names the file and what to do."""

    @classmethod
    def of_system(cls, path: Path, error: OSError) -> "KeyFolderError":
        """Say what the operating system had against it."""
        return cls(
            f"The keys in {path} cannot be used: {error.strerror or error}. See to it that this "
            "user may read and write there, or name another place."
        )
