"""Tells the user of `frontier up` when the API and the models are ready, and runs the first job."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Collection

from jobs.access.sessions import INVITATION_SECONDS
from scripts.api_errors import ApiProblem, ApiUnreachable
from scripts.client import FrontierClient
from scripts.generation import Generation
from scripts.patience import Patience
from scripts.programs import Deployment
from scripts.screen import drawable
from scripts.timings import timing_line

LOOK_SECONDS = 0.1
LONGEST_LOOK_SECONDS = 2.0
HELLO_TOKENS = 64
FOR_EVER = Patience(seconds=float("inf"), first_answer_seconds=float("inf"))


class Announcer:
    """Watches from a thread of its own, which ends with the process."""

    def __init__(
        self,
        deployment: Deployment,
        *,
        hello: str | None,
        say: Callable[[str], None],
        console_link: Callable[[], str | None],
    ) -> None:
        self._deployment = deployment
        self._hello = hello
        self._say = say
        self._console_link = console_link
        self._began = time.monotonic()

    def start(self) -> None:
        threading.Thread(target=self._run, name="announcer", daemon=True).start()

    def _run(self) -> None:
        self._wait_for(None)
        self._say(f"The API is ready after {self._elapsed()}.")
        if link := self._console_link():
            self._say(f"The console, once and within {INVITATION_SECONDS / 60:.0f} minutes: {link}")
        for model in self._deployment.models:
            self._wait_for(model)
            self._say(f"{model} is ready after {self._elapsed()}.")
        if self._hello is not None:
            self._run_job(self._hello)

    def _wait_for(self, model: str | None) -> None:
        """Return when the API is ready and, if one is named, the model has a worker."""
        pause = LOOK_SECONDS
        while (live := self._live_models()) is None or (model is not None and model not in live):
            time.sleep(pause)
            pause = min(LONGEST_LOOK_SECONDS, pause * 1.1)

    def _live_models(self) -> Collection[str] | None:
        """The models that have a worker; None while the API is not ready.

        Each look has a connection of its own: the API would wait at its end for one that is kept.
        """
        try:
            with self._client() as client:
                ready, body = client.health()
        except (ApiProblem, ApiUnreachable):
            return None
        models = body.get("models") or {}
        return [name for name, facts in models.items() if facts.get("workers")] if ready else None

    def _run_job(self, prompt: str) -> None:
        self._say(f"One job, for the prompt {prompt!r}:")
        body = Generation(chat=False, max_tokens=HELLO_TOKENS, model=self._deployment.models[0]).body(prompt)
        try:
            with self._client() as client:
                job = client.submit(body, idempotency_key=uuid.uuid4().hex)
                while not job.is_final:
                    job = client.wait(job.id, seconds=30.0)
                job = client.with_text(job)
        except ApiProblem as problem:
            self._say(f"It was refused: {problem}")
            return
        self._say("")
        self._say(drawable(f"{prompt}{job.text}" if job.succeeded else f"It {job.state}: {job.error}"))
        self._say("")
        self._say(timing_line(job))

    def _client(self) -> FrontierClient:
        return FrontierClient(self._deployment.url, self._deployment.token, patience=FOR_EVER)

    def _elapsed(self) -> str:
        return f"{time.monotonic() - self._began:.1f} s"
