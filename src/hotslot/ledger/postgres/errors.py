"""The error of the embedded PostgreSQL."""

import errno
from pathlib import Path


class EmbeddedPostgresError(RuntimeError):
    """The embedded PostgreSQL could not be started, stopped or found.

    The message says what happened, why, and what to do about it.
    """


def explain_os_error(data_dir: Path, error: OSError) -> EmbeddedPostgresError:
    """Say what an error of the operating system means for the data directory."""
    what = f"The embedded PostgreSQL cannot use the data directory {data_dir}"
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        advice = "The disk is full. Free some space, or choose a data directory on another disk"
    elif error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        advice = "This user may not write there. Run as the user it belongs to, or choose another"
    else:
        advice = "Choose another data directory"
    return EmbeddedPostgresError(f"{what}: {error}. {advice} (HOTSLOT_DATA_DIR, --data-dir).")
