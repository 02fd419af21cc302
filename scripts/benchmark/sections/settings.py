"""What each setting changes, beside its default."""

from __future__ import annotations

from random import Random

from models.catalog import Catalog, ModelConfig
from models.tokenizer import Tokenizer
from scripts.benchmark.beside_default import beside_default
from scripts.benchmark.contest.load import Lengths, Request, draw_requests
from scripts.benchmark.scripted import REQUEST, scripted_config
from scripts.benchmark.section import Report, Section, Table
from scripts.benchmark.settings import Settings, say
from scripts.benchmark.submits import CLIENTS, System, accepted_per_second
from scripts.benchmark.variants import ARRIVAL_SECONDS, BURST, Variant, bursts, paces
from scripts.paths import CHECKOUT

CONFIG = CHECKOUT / "configs" / "llm_default.yaml"
DEFAULT = "as shipped"
ENGINES = {
    DEFAULT: Variant(),
    "`BATCH_MAX_SIZE` 8": Variant(slots=8),
    "`BATCH_MAX_SIZE` 16": Variant(slots=16),
    "`BATCH_MAX_SIZE` 64": Variant(slots=64),
    "`threads` 2": Variant(threads=2),
    "`prefill_chunk` 64": Variant(prefill_chunk=64),
    "`prefill_chunk` 1024": Variant(prefill_chunk=1024),
}
PATIENCE = {
    DEFAULT: Variant(),
    "`BATCH_FLUSH_TIMEOUT_MS` 0": Variant(flush_timeout_ms=0),
    "`BATCH_FLUSH_TIMEOUT_MS` 100": Variant(flush_timeout_ms=100),
}
SYSTEMS = {
    DEFAULT: System(),
    "`API_WORKERS` 2": System(environment={"API_WORKERS": "2"}),
    "`FRONTIER_DURABILITY` strict": System(durability="strict"),
}
IN_FLIGHT = 128
LONGEST = 96


def run(settings: Settings) -> Report:
    """The settings of an engine on the shipped model, then those that decide how fast jobs are accepted."""
    model = Catalog.load(CONFIG).default
    rounds, count = settings.pick(quick=(1, 96), full=(3, 144))
    drawn = _requests(model, rounds, count, Random(settings.seed))  # noqa: S311 - prompts, no secrets
    say(f"{len(ENGINES)} engines, {rounds} rounds of {count} requests")
    runs = paces(model, ENGINES, drawn, clients=IN_FLIGHT)
    per_second = {name: [pace.per_second for pace in paced] for name, paced in runs.items()}
    per_token = {name: [1000 * pace.tpot_seconds for pace in paced] for name, paced in runs.items()}
    shortest = min(drawn[0], key=lambda request: request.completion_tokens)
    waits = bursts(model, PATIENCE, shortest, rounds=settings.pick(quick=3, full=15))
    say(f"{len(SYSTEMS)} systems that accept jobs")
    submits = accepted_per_second(
        settings.folder,
        scripted_config(settings.folder),
        SYSTEMS,
        REQUEST,
        rounds=settings.pick(quick=1, full=5),
        jobs=settings.pick(quick=100, full=400),
    )
    return Report(
        tables=_tables(per_second, per_token, waits, submits),
        raw={"tokens_per_second": per_second, "ms_per_token": per_token, "burst_ms": waits, "submits": submits},
    )


def _requests(model: ModelConfig, rounds: int, count: int, random: Random) -> list[list[Request]]:
    from transformers import AutoTokenizer
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()  # type: ignore[no-untyped-call]
    tokenizer = Tokenizer(AutoTokenizer.from_pretrained(model.path))
    return [draw_requests(count, tokenizer, random, Lengths(longest=LONGEST)) for _ in range(rounds)]


def _tables(
    per_second: dict[str, list[float]],
    per_token: dict[str, list[float]],
    waits: dict[str, list[float]],
    submits: dict[str, list[float]],
) -> list[Table]:
    return [
        beside_default(
            "tokens per second", per_second, default=DEFAULT, title=f"All completions together, {IN_FLIGHT} clients"
        ),
        beside_default(
            "ms per token",
            per_token,
            default=DEFAULT,
            less_is_better=True,
            title=f"One completion while it runs, {IN_FLIGHT} clients",
        ),
        beside_default(
            "ms",
            waits,
            default=DEFAULT,
            less_is_better=True,
            title=f"An idle engine, {BURST} requests {1000 * ARRIVAL_SECONDS:g} ms apart: until the last one's end",
        ),
        beside_default(
            "jobs per second", submits, default=DEFAULT, title=f"Jobs accepted over HTTP from {CLIENTS} clients"
        ),
    ]


SECTION = Section(
    name="settings",
    title="What each setting changes",
    method=(
        "Each setting is changed alone, beside the default in the same round; the best stands first. Engines run the "
        f"shipped model with prompts and completions of 16 to {LONGEST} tokens from {IN_FLIGHT} clients, so that 64 "
        "slots are filled too, and speed is taken by wall time while all slots of an engine are taken. The API accepts "
        "jobs that nobody runs, with a Redis of its own for each setting."
    ),
    run=run,
)
