"""A worker without Celery, for tests."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from random import Random
from typing import Any

import redis

from jobs.answers import Emission
from jobs.events import AttemptStarted, Event
from jobs.ids import new_id
from jobs.job import Job
from jobs.lease import Lease
from jobs.new_job import NewJob
from jobs.request import InferenceRequest, RequestType, SamplingParams
from jobs.settings import StoreSettings
from jobs.store import JobStore
from jobs.token_run import TokenRun
from models.scripted import ScriptedEngine
from resilience.circuit.circuits import Circuits
from resilience.circuit.settings import CircuitSettings
from tasks.attempt import Attempts
from tasks.emitter import Emitter
from tasks.model_circuit import ModelCircuit
from tasks.running import RunningAttempt, RunningAttempts

MODEL = "m"
WORKER = "w1"


class Desk:
    """A worker without Celery: a real store, a scripted engine, and the attempts between them."""

    def __init__(
        self,
        client: redis.Redis,
        script: Any,
        *,
        can_continue: bool = True,
        engine: ScriptedEngine | None = None,
        circuit: CircuitSettings | None = None,
    ) -> None:
        self.client = client
        self.store = JobStore(client, StoreSettings(lease_seconds=30))
        self.engine = engine or ScriptedEngine(script, slots=4)
        self.engine.can_continue = can_continue
        self.running = RunningAttempts(self.engine.cancel)
        self.circuits = Circuits(client, circuit, random=Random())
        self.circuit = ModelCircuit(self.circuits, MODEL)
        self.emitter = Emitter(self.store, self.running, time.monotonic)
        self.events: list[Event] = []
        self.started = threading.Event()
        self.pauses: list[float] = []
        self.on_pause: Callable[[], None] = lambda: None
        self.is_closing = False
        self.attempts = Attempts(
            store=self.store,
            engine=self.engine,
            running=self.running,
            circuit=self.circuit,
            receiver=self.emitter.receiver,
            refill=lambda: self.store.dispatch(MODEL),
            model=MODEL,
            worker=WORKER,
            clock=time.monotonic,
            pause=self._pause,
            random=Random(7),
            is_closing=lambda: self.is_closing,
            listeners=(self._hear,),
        )
        self.store.heartbeat(WORKER, model=MODEL, slots=4, instance="h/1/1")

    def submit(self, prompt: str = "Once", *, max_tokens: int = 4, **changes: Any) -> str:
        """Accept and dispatch one job."""
        request = InferenceRequest(
            model=MODEL, type=RequestType.COMPLETION, prompt=prompt, params=SamplingParams(max_tokens=max_tokens)
        )
        return self.submit_request(request, **changes)

    def submit_request(self, request: InferenceRequest, **changes: Any) -> str:
        """The same for a request of any kind."""
        job = NewJob(id=new_id("job"), tenant="default", request=request, **changes)
        self.store.accept(job)
        assert job.id in self.store.dispatch(MODEL)
        return job.id

    def emit(self, lease: Lease, log: TokenRun, count: int) -> None:
        """Record the first so many tokens of *log*."""
        emission = Emission(lease, 0, log.ids[:count], log.pieces[:count], log.logprobs[:count])
        assert [one.verdict for one in self.store.emit([emission])] == ["ok"]

    def lose(self, lease: Lease) -> None:
        """As if the worker of a job were lost; it is dispatched again."""
        self.client.zadd(self.store.keys.name("watch"), {f"{lease.tenant}/{lease.job_id}": 1})
        self.store.sweep()
        assert self.store.dispatch(MODEL) == [lease.job_id]

    def find(self, job_id: str) -> Job:
        return self.store.find("default", job_id)

    def wait_for_attempt(self) -> RunningAttempt:
        """The one attempt, as soon as it runs."""
        assert self.started.wait(10)
        return self.running.all()[0]

    def _hear(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, AttemptStarted):
            self.started.set()
            raise RuntimeError("a listener that fails")  # noqa: TRY004 - nothing is wrong with the type

    def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.on_pause()
