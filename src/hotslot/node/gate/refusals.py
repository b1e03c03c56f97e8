"""Why the gate itself answers a call."""


class CallRefusedError(Exception):
    """The gate does not pass a call on; the message says why, and what to do."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
