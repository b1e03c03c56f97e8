"""Child processes that end when the process that started them is gone, however it went."""

import os
import signal
import threading
import time

SUPERVISOR_VARIABLE = "HOTSLOT_SUPERVISOR_PID"
"""Set for children: the process to end with."""

_LOOK_SECONDS = 0.5
_GRACE_SECONDS = 10.0


def end_with_supervisor() -> None:
    """End this process soon after its supervisor has ended, if it has one."""
    supervisor = os.environ.get(SUPERVISOR_VARIABLE)
    if supervisor is not None:
        threading.Thread(target=_watch, args=(int(supervisor),), daemon=True).start()


def _watch(supervisor: int) -> None:
    while os.getppid() == supervisor:
        time.sleep(_LOOK_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_GRACE_SECONDS)
    # It was still starting, and waits for a database that went with the supervisor.
    os._exit(1)
