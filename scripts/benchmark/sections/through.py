"""What the queue costs where the engine is busy all the time."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from models.catalog import Catalog
from models.loader import build_engine
from models.tokenizer import Tokenizer
from scripts.benchmark import servers
from scripts.benchmark.busy import Ran, directly, through_queue
from scripts.benchmark.contest.load import Lengths, draw_requests
from scripts.benchmark.estimate import estimate, ratio
from scripts.benchmark.figures import estimates
from scripts.benchmark.pairs import alternate
from scripts.benchmark.section import Goal, Report, Section
from scripts.benchmark.settings import Settings, say
from scripts.paths import CHECKOUT

CONFIG = CHECKOUT / "configs" / "llm_default.yaml"
SLOTS = 32
LENGTHS = Lengths()
DIRECT, THROUGH = "the engine, called directly", "through HTTP, queue and worker"


def run(settings: Settings) -> Report:
    """The same requests in turn to an engine in this process and to a whole system beside it."""
    from transformers import AutoTokenizer
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()  # type: ignore[no-untyped-call]
    rounds, count = settings.pick(quick=(1, 80), full=(5, 128))
    model = Catalog.load(CONFIG).default
    tokenizer = Tokenizer(AutoTokenizer.from_pretrained(model.path))
    random = Random(settings.seed)  # noqa: S311 - prompts, no secrets
    drawn = [draw_requests(count, tokenizer, random, LENGTHS) for _ in range(rounds)]
    folder = settings.folder
    engine = build_engine(model, slots=SLOTS, flush_timeout_seconds=0.02)
    environment = {"BATCH_MAX_SIZE": str(SLOTS)}
    try:
        with (
            servers.redis(folder / "redis") as redis_url,
            servers.api(folder, redis_url=redis_url, config=CONFIG) as client,
            servers.worker(folder, redis_url=redis_url, config=CONFIG, environment=environment) as worker,
        ):
            say(f"{rounds} rounds of {count} requests, {SLOTS} slots")
            ran = alternate(
                {
                    DIRECT: lambda number: directly(engine, drawn[number], slots=SLOTS),
                    THROUGH: lambda number: through_queue(client, worker, drawn[number], model=model.name, slots=SLOTS),
                },
                rounds=rounds,
            )
    finally:
        engine.close()
    return _report(ran[DIRECT], ran[THROUGH])


def _report(direct: Sequence[Ran], through: Sequence[Ran]) -> Report:
    ways = {DIRECT: direct, THROUGH: through}
    speeds = {way: [one.per_second for one in runs] for way, runs in ways.items()}
    per_cpu = {way: [one.per_cpu_second for one in runs] for way, runs in ways.items()}
    shares = {
        "tokens per second": ratio(speeds[THROUGH], speeds[DIRECT]),
        "tokens per CPU second": ratio(per_cpu[THROUGH], per_cpu[DIRECT]),
    }
    texts = [
        pair for one, other in zip(direct, through, strict=True) for pair in zip(one.texts, other.texts, strict=True)
    ]
    return Report(
        tables=[
            estimates("tokens per second", {way: estimate(values) for way, values in speeds.items()}),
            estimates(
                "tokens per CPU second of the engine's process",
                {way: estimate(values) for way, values in per_cpu.items()},
            ),
            estimates(f"{THROUGH}, as a share of {DIRECT}", shares),
        ],
        figures={"share": shares["tokens per second"]},
        notes=[f"{sum(one == other for one, other in texts)} of {len(texts)} completions are the same both ways."],
        raw={"tokens_per_second": speeds, "tokens_per_cpu_second": per_cpu},
    )


SECTION = Section(
    name="through",
    title="What the queue costs under full load",
    method=(
        f"The shipped model with {SLOTS} slots. The same requests ({LENGTHS.shortest} to {LENGTHS.longest} tokens "
        "each way) go in turn to a `TorchEngine` in the benchmark's own process, from "
        f"{2 * SLOTS} threads, and to another one behind everything: {2 * SLOTS} clients submit over HTTP to gunicorn "
        "and wait by long polls, a Celery worker runs the jobs, and a Redis of their own syncs once a second. Speed is "
        "taken by wall time while all slots are taken: from the moment a tenth of the requests have ended until so few "
        "are left that slots become empty. A completion that reaches over an edge counts with its part inside. CPU "
        "time is that of the engine's process: for the direct way with the threads that ask."
    ),
    run=run,
    goals=[Goal(figure="share", text=f"{THROUGH}, as a share of {DIRECT}: tokens per second", at_least=0.95)],
)
