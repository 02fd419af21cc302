"""How fast the engine is beside the alternatives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

from scripts.benchmark.contest.bout import BARE, CONTINUOUS, ONE_BY_ONE, OWN, STATIC, Bout, per_cpu_second
from scripts.benchmark.contest.report import note, tables
from scripts.benchmark.estimate import Estimate
from scripts.benchmark.section import Goal, Report, Section
from scripts.benchmark.settings import Settings, say
from scripts.paths import CHECKOUT

SHIPPED = "shakespeare"
RANDOM = "135m"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """So many rounds of so many requests; `sample` of them are also generated one by one."""

    concurrency: int
    rounds: int
    requests: int
    sample: int
    bare_steps: int = 96


QUICK = {
    SHIPPED: [
        Plan(concurrency=1, rounds=1, requests=2, sample=2),
        Plan(concurrency=32, rounds=1, requests=48, sample=6),
    ],
    RANDOM: [Plan(concurrency=8, rounds=1, requests=10, sample=2, bare_steps=12)],
}
FULL = {
    SHIPPED: [
        Plan(concurrency=1, rounds=3, requests=3, sample=3),
        Plan(concurrency=8, rounds=3, requests=16, sample=4),
        Plan(concurrency=32, rounds=5, requests=56, sample=4),
        Plan(concurrency=64, rounds=2, requests=72, sample=3),
    ],
    RANDOM: [
        Plan(concurrency=8, rounds=2, requests=10, sample=2, bare_steps=12),
        Plan(concurrency=32, rounds=2, requests=36, sample=2, bare_steps=8),
    ],
}
LONGEST = {SHIPPED: 256, RANDOM: 32}
"""Tokens of the longest prompt and completion."""
RIVALS = {"one_by_one": ONE_BY_ONE, "static": STATIC, "continuous": CONTINUOUS, "bare": BARE}


def run(settings: Settings) -> Report:
    """Both models, one number of concurrent requests after the other."""
    from transformers.utils.logging import disable_progress_bar, set_verbosity_error

    disable_progress_bar()  # type: ignore[no-untyped-call]
    set_verbosity_error()  # type: ignore[no-untyped-call]
    random = Random(settings.seed)  # noqa: S311 - prompts, no secrets
    bouts = []
    for name, plans in settings.pick(quick=QUICK, full=FULL).items():
        bouts += _model(name, _path(name, settings.folder), plans, random)
    return Report(
        tables=tables(bouts),
        figures=_figures(bouts),
        notes=[note(bouts)],
        raw={f"{bout.model}.{bout.concurrency}": asdict(bout) for bout in bouts},
    )


def _path(name: str, folder: Path) -> Path:
    if name == SHIPPED:
        return CHECKOUT / "weights" / SHIPPED
    from torch import float32

    from scripts.random_model import build

    build(name, folder / name, dtype=float32)
    return folder / name


def _model(name: str, path: Path, plans: Sequence[Plan], random: Random) -> list[Bout]:
    from scripts.benchmark.contest.arena import Arena
    from scripts.benchmark.contest.fight import fight

    arena = Arena.open(name, path, context_tokens=2 * LONGEST[SHIPPED])
    bouts = []
    for plan in plans:
        say(f"{name}, {plan.concurrency} at once, {plan.rounds} rounds of {plan.requests} requests")
        bouts.append(
            fight(
                arena,
                concurrency=plan.concurrency,
                rounds=plan.rounds,
                requests=plan.requests,
                sample=plan.sample,
                bare_steps=plan.bare_steps,
                longest=LONGEST[name],
                random=random,
            )
        )
    return bouts


def _figures(bouts: Sequence[Bout]) -> dict[str, Estimate]:
    return {
        f"{bout.model}.{bout.concurrency}.{name}": bout.ratio(way, of=per_cpu_second)
        for bout in bouts
        for name, way in RIVALS.items()
        if way in bout.spent
    }


SECTION = Section(
    name="engine",
    title="The engine beside its alternatives",
    method=(
        "Prompts have 16 to 256 tokens, completions 16 to 256 (16 to 32 each for the larger model), spread evenly; "
        "greedy, past the end of text, float32, one thread of torch. The same requests go to all: to `TorchEngine` "
        "through `submit` from as many client threads as there are concurrent requests, each of which takes the next "
        "request when its last one has ended; to transformers' continuous batching with as many in flight (pages and "
        "tokens per step set by hand); to `generate` in left-padded batches of that size, of which only the tokens "
        "asked for count; and to `generate` one by one, which gets the first few requests only, as its speed does "
        "not depend on their number. The *bare decode loop* is the model's own forward pass over one full batch with a "
        "cache of 136 tokens that grows: no prompts, no scheduling, no text. It bounds what any engine can reach."
    ),
    run=run,
    goals=[
        Goal(figure=f"{SHIPPED}.32.one_by_one", text=f"{OWN} over {ONE_BY_ONE}, 32 concurrent", at_least=4),
        Goal(figure=f"{SHIPPED}.32.static", text=f"{OWN} over {STATIC}, 32 concurrent", at_least=1.8),
        Goal(figure=f"{SHIPPED}.32.continuous", text=f"{OWN} over {CONTINUOUS}, 32 concurrent", at_least=2),
    ],
)
