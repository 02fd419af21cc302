"""Whether a process still runs."""

from __future__ import annotations


def is_running(pid: int) -> bool:
    """Whether *pid* still does anything; one that ended, but whose parent has not noticed, does not."""
    import psutil

    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.AccessDenied:
        return True
    except psutil.Error:
        return False
