"""A deployment running under supervision, from its start to its orderly end."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import cached_property

import redis

from jobs.batches.store import BatchStore
from jobs.connection import check_server, connect
from jobs.errors import StoreUnavailable
from jobs.settings import StoreSettings
from jobs.store import JobStore
from jobs.webhooks.outbox import Outbox
from scripts import paths, redis_server
from scripts.address_table import without_password
from scripts.folder_lock import FolderLock
from scripts.guardian import Guardian
from scripts.programs import Deployment, log_file
from scripts.stop_signals import StopSignals
from scripts.supervisor import Program, Stage, Supervisor


@dataclass
class System:
    """`server` is our own Redis server, or None where the deployment uses another."""

    deployment: Deployment
    server: Program | None
    lock: FolderLock
    say: Callable[[str], None]

    def run(self, *, on_start: Callable[[], None]) -> None:
        """Start everything and keep it running until a signal asks to stop; `on_start` is called in between.

        Raises ServerFailed or UnsupportedServer.
        """
        folder = self.deployment.data_dir
        guardian = Guardian(
            log=log_file(folder, "guardian").path,
            leftover=paths.running_file(folder),
            lock_descriptor=self.lock.descriptor,
        )
        with StopSignals() as signals, closing(guardian):
            supervisor = Supervisor(
                guardian, say=self.say, on_death=self._give_back, on_change=lambda: self._record(supervisor)
            )
            try:
                self._start(supervisor, signals)
                on_start()
                while not signals.asked:
                    signals.wait(supervisor.tick())
                self.say("Ending; Ctrl-C again ends at once.")
            finally:
                supervisor.stop(signals)

    def _start(self, supervisor: Supervisor, signals: StopSignals) -> None:
        if self.server is not None:
            name = self.server.name
            supervisor.start(self.server)
            redis_server.wait_until_ready(
                self.deployment.redis_url, is_alive=lambda: supervisor.is_alive(name) and not signals.asked
            )
        with closing(connect(self.deployment.redis_url, max_connections=1)) as client:
            try:
                check_server(client, durability=StoreSettings.from_env(self.deployment.environment).durability)
            except StoreUnavailable as error:
                shown = without_password(self.deployment.redis_url)
                raise redis_server.ServerFailed(f"The Redis server at {shown} does not answer: {error}") from error
        for program in self.deployment.programs():
            supervisor.start(program)

    def _record(self, supervisor: Supervisor) -> None:
        running = paths.Running(
            url=self.deployment.url,
            redis_url=self.deployment.redis_url,
            pid=os.getpid(),
            children=supervisor.pids,
            config=str(self.deployment.config),
            metrics=self.deployment.metrics_urls,
        )
        paths.write_running(self.deployment.data_dir, running)

    def _give_back(self, program: Program) -> None:
        """A dead worker's leases need not run out first. If Redis is away too, the worker's next start does this."""
        if program.stage is not Stage.WORKER:
            return
        rescue, what = self._rescues.get(program.name, (self._store.rescue_worker, "jobs"))
        with suppress(StoreUnavailable):
            if count := rescue(program.name):
                self.say(f"{count} of its {what} went back into the queue.")

    @property
    def _rescues(self) -> Mapping[str, tuple[Callable[[str], int], str]]:
        """Of those that hold something else than jobs."""
        return {
            self.deployment.sender_name: (Outbox(self._client).rescue, "deliveries"),
            self.deployment.runner_name: (BatchStore(self._client).rescue, "batches"),
        }

    @cached_property
    def _client(self) -> redis.Redis:
        return connect(self.deployment.redis_url, max_connections=2)

    @cached_property
    def _store(self) -> JobStore:
        return JobStore(self._client)
