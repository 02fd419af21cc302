"""What a waiting job takes in Redis."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random

from redis import Redis

from jobs.ids import new_id
from jobs.new_job import NewJob
from jobs.request import InferenceRequest, RequestType, SamplingParams
from jobs.store import JobStore
from scripts.benchmark.estimate import estimate
from scripts.benchmark.figures import estimates
from scripts.benchmark.prompts import prompt_of_chars, random_text
from scripts.benchmark.section import Goal, Report, Section
from scripts.benchmark.servers import connected, redis
from scripts.benchmark.settings import Settings

PROMPT_CHARS = 300
JOBS = 10_000
MOST_BYTES = 1_536
USUAL = "common words"
MakePrompt = Callable[[int, Random], str]
"""A text of so many characters."""
TEXTS: dict[str, MakePrompt] = {
    USUAL: prompt_of_chars,
    "random Latin letters": partial(random_text, "abcdefghijklmnopqrstuvwxyz"),
    "random Chinese characters": partial(random_text, [chr(code) for code in range(0x4E00, 0x9FA6)]),
}


def run(settings: Settings) -> Report:
    """Accept jobs into an empty server, and divide what its memory has grown by."""
    random = Random(settings.seed)  # noqa: S311 - prompts, no secrets
    values: dict[str, list[float]] = {}
    for number, (kind, prompt) in enumerate(TEXTS.items()):
        with redis(settings.folder / f"redis-{number}") as url, connected(url) as client:
            values[kind] = [bytes_per_job(client, jobs=JOBS, random=random, prompt=prompt)]
    figures = {kind: estimate(measured) for kind, measured in values.items()}
    return Report(
        tables=[estimates(f"{PROMPT_CHARS} characters", figures, title="Bytes per waiting job")],
        figures={"bytes_per_job": figures[USUAL]},
        raw={"bytes_per_job": values, "jobs": JOBS},
    )


def bytes_per_job(client: Redis, *, jobs: int, random: Random, prompt: MakePrompt = prompt_of_chars) -> float:
    """By how much `used_memory` grows with each accepted job; each has a prompt and an idempotency key of its own."""
    store = JobStore(client)
    first = _job("0", prompt(PROMPT_CHARS, random), random)
    store.accept(first)  # whatever is made once, scripts above all, is there now
    before = _used_bytes(client)
    for number in range(1, jobs + 1):
        store.accept(_job(str(number), prompt(PROMPT_CHARS, random), random))
    return (_used_bytes(client) - before) / jobs


def _used_bytes(client: Redis) -> int:
    memory: dict[str, int] = client.info("memory")
    return memory["used_memory"]


def _job(key: str, prompt: str, random: Random) -> NewJob:
    request = InferenceRequest(
        model="shakespeare",
        type=RequestType.COMPLETION,
        prompt=prompt,
        params=SamplingParams(seed=random.getrandbits(53)),
    )
    return NewJob(
        id=new_id("job"), tenant="default", request=request, idempotency_key=f"key-{key}", fingerprint="0" * 32
    )


SECTION = Section(
    name="memory",
    title="Memory of a waiting job",
    method=(
        f"{JOBS:,} jobs with a prompt of {PROMPT_CHARS} characters, each with an idempotency key, are accepted by "
        "`JobStore.accept` into an empty Redis; the growth of `used_memory` is divided by their number. It holds all "
        "that a job brings along: record, request, indexes and idempotency key. Requests are kept compressed, so the "
        "size depends on the text: random characters, which do not compress, bound it from above."
    ),
    run=run,
    goals=[
        Goal(
            figure="bytes_per_job",
            text=f"bytes per waiting job, {PROMPT_CHARS}-character prompt of {USUAL}",
            at_most=MOST_BYTES,
        )
    ],
)
