"""An API process: the WSGI application, and what begins and ends with it."""

from __future__ import annotations

import logging
from contextlib import suppress

from flask import Flask, Response

from api.addresses import methods_of_request
from api.json_output import Json
from api.key_uses import KeyUses
from api.measuring import Measuring
from api.wakeups import Wakeups
from jobs.errors import StoreUnavailable
from jobs.store import JobStore
from observability.tracing.tracing import Tracing
from resilience.circuit.circuits import Circuits
from tasks.dispatch import Rounds

log = logging.getLogger(__name__)


class ApiProcess(Flask):
    """The WSGI application and what runs beside it; nothing of it connects before it is used."""

    json_provider_class = Json
    store: JobStore
    wakeups: Wakeups
    sweeps: Rounds
    key_uses: KeyUses
    key_rounds: Rounds
    circuits: Circuits
    file_rounds: Rounds
    measuring: Measuring
    log_rounds: Rounds
    tracing: Tracing

    def make_default_options_response(self) -> Response:
        """Tell the methods of an address; Flask's own would tell those of all that fit."""
        response = self.response_class()
        response.allow.update(methods_of_request(self))
        return response

    def start(self) -> None:
        """Begin to serve, in the process that will; raises UnsupportedServer for a server that could lose jobs."""
        try:
            self.store.check_server()
        except StoreUnavailable:
            log.warning("store_unavailable")
        self.sweeps.start()
        self.key_rounds.start()
        self.file_rounds.start()
        self.measuring.start()
        self.log_rounds.start()

    def drain(self) -> None:
        """Let the requests that wait answer with what they have."""
        self.wakeups.drain()

    def stop(self) -> None:
        """End what runs beside the application."""
        self.sweeps.stop()
        self.key_rounds.stop()
        self.file_rounds.stop()
        self.measuring.stop()
        self.log_rounds.stop()
        with suppress(StoreUnavailable):
            self.key_uses.flush()
        self.wakeups.close()
        self.circuits.close()
        self.tracing.close()
