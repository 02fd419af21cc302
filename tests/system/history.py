"""A client that submits over HTTP, repeats what is not answered under the same key, and keeps what it was promised."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from random import Random
from typing import Any

from scripts.client import ApiProblem, FrontierClient
from scripts.job_view import JobView
from scripts.patience import Patience
from tests.system.echoed import echoed
from tests.system.fleet import MODEL, PATIENCE_SECONDS, TOKEN, TOKENS_PER_SECOND

SUBMITTERS = 8
WAITERS = 64
LONGEST_POLL_SECONDS = 20.0
VOCABULARY = ["hark", "who", "knocks", "there", "within", "the", "name", "of", "sorrow", "speak", "again", "angel"]


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """Where the end of a job is to be told, and whether its result too."""

    url: str
    include_result: bool = False

    @property
    def document(self) -> dict[str, Any]:
        return {"url": self.url} | ({"include": ["result"]} if self.include_result else {})


@dataclass(frozen=True, kw_only=True)
class Promise:
    """A job that was answered 202: what was asked for, and under which id it was accepted."""

    key: str
    prompt: str
    tokens: int
    job_id: str
    webhook: Webhook | None = None

    @property
    def text(self) -> str:
        """What the scripted model says to this prompt."""
        return echoed(self.prompt, self.tokens)


class History:
    """Jobs of random lengths, all drawn from one *random*; each is waited for from its promise on."""

    def __init__(self, url: str, random: Random) -> None:
        self._random = random
        self._name = f"{random.getrandbits(48):012x}"
        self._drawn = 0
        self._submitters = ThreadPoolExecutor(SUBMITTERS)
        self._waiters = ThreadPoolExecutor(WAITERS)
        self._told: dict[str, Future[JobView]] = {}
        self._is_closed = False
        patience = Patience(seconds=PATIENCE_SECONDS, first_answer_seconds=PATIENCE_SECONDS, cap_seconds=0.5)
        self._client = FrontierClient(url, TOKEN, connections=SUBMITTERS + WAITERS, patience=patience)
        self._hasty = FrontierClient(url, TOKEN, patience=Patience(seconds=0.0, first_answer_seconds=0.0))
        self.promises: list[Promise] = []

    def close(self) -> None:
        self._is_closed = True
        self._submitters.shutdown()
        self._waiters.shutdown(cancel_futures=True)
        self._client.close()
        self._hasty.close()

    def submit(
        self,
        count: int,
        *,
        seconds: tuple[float, float] = (0.3, 1.5),
        say: str = "",
        webhooks: Sequence[Webhook | None] = (None,),
    ) -> Sequence[Promise]:
        """Submit jobs that take about so long to generate, these *webhooks* in turn; the promises, once answered."""
        with self.submitting(count, seconds=seconds, say=say, webhooks=webhooks) as promised:
            pass
        return promised

    @contextmanager
    def submitting(
        self,
        count: int,
        *,
        seconds: tuple[float, float] = (0.3, 1.5),
        say: str = "",
        webhooks: Sequence[Webhook | None] = (None,),
    ) -> Iterator[list[Promise]]:
        """Submit in the background while the block runs; the list is filled when the block has ended."""
        asked = [(*self._draw(seconds, say), webhook) for webhook in islice(cycle(webhooks), count)]
        answers = [self._submitters.submit(self._submit, *one) for one in asked]
        promised: list[Promise] = []
        yield promised
        promised += [answer.result() for answer in answers]
        self.promises += promised

    def told(self, promise: Promise) -> JobView:
        """The final job as the client heard of it, over whatever has happened to the API meanwhile."""
        return self._told[promise.key].result(PATIENCE_SECONDS)

    def try_to_submit(self) -> ApiProblem | None:
        """Ask once for one more job; why it was refused, or None if it was promised."""
        try:
            self.promises.append(self._submit(*self._draw((0.3, 1.5), ""), None, client=self._hasty))
        except ApiProblem as refusal:
            return refusal
        return None

    def submit_again(self, promise: Promise) -> Promise:
        """The same under the same key, as a client that does not trust the first answer."""
        return self._submit(promise.key, promise.prompt, promise.tokens, promise.webhook)

    def _draw(self, seconds: tuple[float, float], say: str) -> tuple[str, str, int]:
        self._drawn += 1
        words = self._random.choices(VOCABULARY, k=self._random.randint(3, 12))
        tokens = max(2, round(self._random.uniform(*seconds) * TOKENS_PER_SECOND))
        return f"{self._name}-{self._drawn}", " ".join([*words, *say.split()]), tokens

    def _submit(
        self, key: str, prompt: str, tokens: int, webhook: Webhook | None, *, client: FrontierClient | None = None
    ) -> Promise:
        body: dict[str, Any] = {"model": MODEL, "input": {"prompt": prompt}, "params": {"max_tokens": tokens}}
        if webhook:
            body["webhook"] = webhook.document
        job_id = (client or self._client).submit(body, idempotency_key=key).id
        if key not in self._told:
            self._told[key] = self._waiters.submit(self._wait, job_id)
        return Promise(key=key, prompt=prompt, tokens=tokens, job_id=job_id, webhook=webhook)

    def _wait(self, job_id: str) -> JobView:
        while True:
            job = self._client.wait(job_id, seconds=LONGEST_POLL_SECONDS)
            if job.is_final or self._is_closed:
                return job
