"""What readers of tokens notice of the way between an engine and them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from random import Random

from jobs.request import InferenceRequest, RequestType, SamplingParams
from models.catalog import Catalog
from scripts.benchmark.estimate import Estimate, estimate, percentile
from scripts.benchmark.figures import estimates, number
from scripts.benchmark.first_tokens import WARM_UP, FirstToken, first_tokens
from scripts.benchmark.freed_slots import Cancelled, freed_slots
from scripts.benchmark.prompts import prompt_of_words
from scripts.benchmark.section import Goal, Report, Section, Table
from scripts.benchmark.settings import Settings, say
from scripts.benchmark.token_lags import token_lags
from scripts.benchmark.waiting_readers import FIRST_READERS, Waited, waiting_readers
from scripts.paths import CHECKOUT

CONFIG = CHECKOUT / "configs" / "llm_default.yaml"
SLOTS = 32
PROMPT_WORDS = 24
COMPLETION_TOKENS = 4
STREAMS = 8
TOKENS = 46
TOKENS_PER_SECOND = 30
STEP_SECONDS = 0.1
READERS = 2_000
SLOW = 40
CHECKS_PER_SECOND = 50
SHARES = (0.5, 0.95, 0.99)


def run(settings: Settings) -> Report:
    """Four parts with systems of their own: each shows what a system with nothing else to do adds."""
    random, folder = Random(settings.seed), settings.folder  # noqa: S311 - prompts and moments, no secrets
    say("first tokens")
    firsts = first_tokens(
        folder / "firsts", CONFIG, _requests(random, settings.pick(quick=10, full=60) + WARM_UP), slots=SLOTS
    )
    say(f"{STREAMS} streams")
    lags = token_lags(
        folder / "lags",
        rounds=settings.pick(quick=1, full=5),
        streams=STREAMS,
        tokens=TOKENS,
        tokens_per_second=TOKENS_PER_SECOND,
    )
    say("cancels")
    cancelled = freed_slots(
        folder / "cancels", times=settings.pick(quick=5, full=24), step_seconds=STEP_SECONDS, random=random
    )
    say(f"{READERS:,} readers who wait")
    waited = waiting_readers(
        folder / "waiting",
        readers=READERS,
        slow=SLOW,
        checks=settings.pick(quick=50, full=300),
        checks_per_second=CHECKS_PER_SECOND,
    )
    return report(firsts=firsts, lags=lags, cancelled=cancelled, waited=waited)


def report(
    *,
    firsts: Sequence[FirstToken],
    lags: Sequence[Sequence[float]],
    cancelled: Sequence[Cancelled],
    waited: Waited,
) -> Report:
    """What the parts come to; *lags* are those of one round each, in seconds."""
    added = estimate(1000 * one.added for one in firsts)
    p95_lag = estimate(1000 * percentile(each, 0.95) for each in lags)
    steps = percentile([one.steps for one in cancelled], 0.95)
    health = estimate([1000 * percentile(waited.health_with, 0.99)])
    megabytes, connections = estimate([waited.added_megabytes]), estimate([waited.redis_connections])
    return Report(
        tables=[
            _first_tokens(firsts, added),
            _distribution(
                f"{STREAMS} streams at {TOKENS_PER_SECOND} tokens per second each, milliseconds",
                {"from the engine to the reader, all rounds together": [lag for each in lags for lag in each]},
            ),
            estimates("milliseconds from the engine to the reader", {"p95 of a round": p95_lag}),
            _distribution("From sending a cancel, milliseconds until", _instants(cancelled)),
            _steps(cancelled),
            estimates(
                f"one API process with {READERS:,} waiting readers",
                {"MB more than before": megabytes, "connections to Redis": connections},
            ),
            _distribution(
                "`GET /health`, milliseconds",
                {
                    "before": waited.health_before,
                    f"beside {READERS:,} readers and {2 * SLOW} slow clients": waited.health_with,
                },
            ),
        ],
        figures={
            "first_token": added,
            "lag_p95": p95_lag,
            "steps": estimate([steps]),
            "megabytes": megabytes,
            "connections": connections,
            "health_p99": health,
        },
        raw={
            "first_tokens": [asdict(one) for one in firsts],
            "lag_percentiles": [{_share(share): percentile(each, share) for share in SHARES} for each in lags],
            "cancelled": [asdict(one) for one in cancelled],
            "waited": _kept(waited),
        },
    )


def _requests(random: Random, count: int) -> list[InferenceRequest]:
    model = Catalog.load(CONFIG).default.name
    params = SamplingParams(max_tokens=COMPLETION_TOKENS, temperature=0.0, ignore_eos=True)
    return [
        InferenceRequest(
            model=model, type=RequestType.COMPLETION, prompt=prompt_of_words(PROMPT_WORDS, random), params=params
        )
        for _ in range(count)
    ]


def _first_tokens(firsts: Sequence[FirstToken], added: Estimate) -> Table:
    return estimates(
        "milliseconds",
        {
            "the engine, called directly": estimate(1000 * one.direct for one in firsts),
            "over HTTP, queue and worker": estimate(1000 * one.through for one in firsts),
            "of it, until the job was claimed": estimate(1000 * one.queue_wait for one in firsts),
            "of it, from then on in the worker": estimate(1000 * one.in_worker for one in firsts),
            "over HTTP less directly, by pairs": added,
        },
        title="To the first token",
    )


def _instants(cancelled: Sequence[Cancelled]) -> dict[str, list[float]]:
    return {
        "it is answered": [one.answered for one in cancelled],
        "it arrives at the worker": [one.arrived for one in cancelled],
        "the next job has its first token": [one.next_token for one in cancelled],
        "the slot is free: a step earlier": [one.next_token - STEP_SECONDS for one in cancelled],
    }


def _steps(cancelled: Sequence[Cancelled]) -> Table:
    counts = Counter(one.steps for one in cancelled)
    return Table(
        title="Steps that gave the cancelled job a token after its cancel had arrived",
        columns=["steps", "cancels"],
        rows=[[str(steps), str(count)] for steps, count in sorted(counts.items())],
    )


def _distribution(title: str, rows: Mapping[str, Sequence[float]]) -> Table:
    return Table(
        title=title,
        columns=["", *(f"p{share * 100:.0f}" for share in SHARES), "n"],
        rows=[
            [name, *(number(1000 * percentile(seconds, share)) for share in SHARES), str(len(seconds))]
            for name, seconds in rows.items()
        ],
    )


def _kept(waited: Waited) -> dict[str, float]:
    return {
        "bytes_before": waited.bytes_before,
        "bytes_with": waited.bytes_with,
        "redis_connections": waited.redis_connections,
        **{f"health_before_{_share(share)}": percentile(waited.health_before, share) for share in SHARES},
        **{f"health_with_{_share(share)}": percentile(waited.health_with, share) for share in SHARES},
    }


def _share(share: float) -> str:
    return f"p{share * 100:.0f}"


SECTION = Section(
    name="streams",
    title="Reading along",
    method=(
        f"*The first token.* The shipped model, idle; {PROMPT_WORDS} words, another prompt each time. The same request "
        "goes to an engine in the benchmark's own process, by `submit`, and over `POST /v1/infer` with `stream` to a "
        "whole system with another such engine, in an order that turns around; the clock stops when the token is "
        "there, or its frame is read. "
        f"*Tokens on their way.* A scripted engine writes the instant at which it says a token into its text, "
        f"{TOKENS_PER_SECOND} times a second for each of {STREAMS} streams at once; the reader compares it with when "
        "it has the frame, by the clock that all processes of a machine share. First tokens are left out. "
        "*Cancels.* The same engine with one slot and a step of "
        f"{1000 * STEP_SECONDS:g} ms. One job is read along and a second one waits in the engine; at any moment of a "
        "step the first is cancelled over HTTP. The cancel arrives when one more listener on the worker's channel "
        "hears of it. The slot is free a step before the next job's first token; counted are the steps that ended with "
        "a token for the cancelled job after the arrival: the one under way may. "
        f"*Readers who wait.* {READERS:,} connections to one API process whose caps on streams are lifted, each "
        "following a job of its own; the one worker never ends what it runs. Memory is the proportional set size of "
        f"that process less what it was before, when {FIRST_READERS} readers had come and gone. Health, for which "
        f"Redis is asked too, is asked for {CHECKS_PER_SECOND} times a second, whether or not others have been "
        f"answered; beside the readers are {SLOW} clients that send headers a byte at a time, and {SLOW} that do so "
        "with a body."
    ),
    run=run,
    goals=[
        Goal(
            figure="first_token", text="ms that HTTP, queue and worker add to the first token of a stream", at_most=25
        ),
        Goal(
            figure="lag_p95",
            text=f"p95 of the ms from the engine to the reader, {STREAMS} streams at once",
            at_most=40,
        ),
        Goal(figure="steps", text="p95 of the steps that a cancelled job gets after its cancel's arrival", at_most=1),
        Goal(figure="megabytes", text=f"MB that {READERS:,} waiting readers add to an API process", at_most=150),
        Goal(figure="connections", text="connections to Redis of that process", at_most=10),
        Goal(
            figure="health_p99",
            text=f"p99 of health checks in ms, beside these and {2 * SLOW} slow clients",
            at_most=200,
        ),
    ],
)
