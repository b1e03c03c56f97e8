"""The errors of engines. Each message is for a person: what happened, why, and what to do."""

import errno
from collections.abc import Callable

LACKS_RIGHT = {
    "engines.download": "download engines",
    "engines.upload": "take in engine packages",
    "engines.deploy": "deploy engines",
}
"""What an instance may not do that lacks one of these rights."""


class EngineError(Exception):
    """Something about engines that could not be done."""


class NotAllowedError(EngineError):
    """The instance lacks the right."""

    def __init__(self, right: str) -> None:
        super().__init__(
            f"This instance may not {LACKS_RIGHT[right]}: it holds no role on a valid license, or "
            "could not prove one in time. Activate it (POST /admin/license/activation) or register "
            "it as a backup (POST /admin/license/backup), and try again."
        )
        self.right = right

    @classmethod
    def unless(cls, may: Callable[[str], bool], right: str) -> None:
        """Raise one, unless the instance has the right at this moment."""
        if not may(right):
            raise cls(right)


class UnknownEngineError(EngineError):
    """No engine has this id."""

    def __init__(self, engine: str) -> None:
        super().__init__(
            f"There is no engine {engine!r} here. GET /stat/engines lists those that are."
        )


class DownloadFailedError(EngineError):
    """The source could not be reached, or did not give what its index promises."""


class ContentInvalidError(EngineError):
    """What came is damaged, of a wrong form, or not to be trusted."""


class NotDeployedError(EngineError):
    """A good package could not be put to use here; the version in use stays."""


def of_system(error: OSError) -> str:
    """Say what the operating system had against it, for the end of a sentence."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the disk is full; make room in the node's data directory"
    return f"{error.strerror or error}; see to it that the node may write to its data directory"
