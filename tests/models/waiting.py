"""For what an engine tells nobody, such as that a slot is free again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


def until(is_so: Callable[[], bool], seconds: float = 60.0) -> None:
    give_up_at = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < give_up_at, f"not within {seconds} s"
        threading.Event().wait(0.001)
