"""Sweeps in the background, so that jobs expire, are rescued and are sent out also while no worker lives."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from jobs.errors import StoreUnavailable
from tasks.dispatch import Dispatcher

log = logging.getLogger(__name__)


class Housekeeper:
    """One thread, or greenlet, that sweeps again and again; `interval` gives the seconds between two rounds."""

    def __init__(self, dispatcher: Dispatcher, *, interval: Callable[[], float]) -> None:
        self._dispatcher = dispatcher
        self._interval = interval
        self._stopped = threading.Event()
        self._is_outage = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin; called once in the process that serves, after it was forked."""
        self._thread = threading.Thread(target=self._run, name="housekeeper", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End after the round under way."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(10.0)

    def _run(self) -> None:
        while not self._stopped.wait(self._interval()):
            self.sweep()

    def sweep(self) -> None:
        """One round; an outage is told once, and so is its end."""
        try:
            self._dispatcher.sweep()
        except StoreUnavailable as error:
            if not self._is_outage:
                log.warning("store_unavailable", extra={"reason": str(error)})
            self._is_outage = True
        except Exception:
            # The sweep is what everything else relies on: whatever happened, the next round must come.
            log.exception("sweep_failed")
        else:
            if self._is_outage:
                log.info("store_restored")
            self._is_outage = False
