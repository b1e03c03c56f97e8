"""Why an export can't be made. The messages are for the person at the command line."""


class ExportError(Exception):
    """The export can't be made, or be brought up to date. The message says why, and what to do."""


class WrongLogError(ExportError):
    """What the server gives does not prove what it is said to: no export can be made of it."""

    def __init__(self, what: str, index: int | None = None) -> None:
        """`index` is the first leaf that is wrong, where that is known."""
        super().__init__(what)
        self.index = index
