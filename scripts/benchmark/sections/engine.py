"""How fast the engine is beside the alternatives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

from scripts.benchmark.contest.bout import BARE, CONTINUOUS, ONE_BY_ONE, OWN, STATIC, Bout, per_cpu_second
from scripts.benchmark.contest.load import Lengths
from scripts.benchmark.contest.report import note, tables
from scripts.benchmark.estimate import Estimate
from scripts.benchmark.section import Goal, Report, Section
from scripts.benchmark.settings import Settings, say
from scripts.paths import CHECKOUT

SHIPPED = "shakespeare"
RANDOM = "135m"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """So many rounds of so many requests; `sample` of them are also generated one by one.

    The ways in `absent` take no part: those that take minutes, and that no goal is about.
    """

    concurrency: int
    rounds: int
    requests: int
    sample: int
    bare_steps: int = 96
    absent: tuple[str, ...] = ()


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
        Plan(concurrency=8, rounds=5, requests=16, sample=4),
        Plan(concurrency=32, rounds=5, requests=64, sample=4),
        Plan(concurrency=64, rounds=2, requests=128, sample=4, absent=(CONTINUOUS,)),
    ],
    RANDOM: [
        Plan(concurrency=8, rounds=3, requests=16, sample=3, bare_steps=12),
        Plan(concurrency=32, rounds=3, requests=64, sample=3, bare_steps=8),
    ],
}
"""Whole batches, so that none of the static ones is left with a few rows."""
LENGTHS = {SHIPPED: Lengths(16, 256), RANDOM: Lengths(4, 48)}
CONTEXT_TOKENS = {SHIPPED: 512, RANDOM: 128}
RIVALS = {"one_by_one": ONE_BY_ONE, "static": STATIC, "continuous": CONTINUOUS, "bare": BARE}
BOUNDS = {"one_by_one": (4.0, (32,)), "static": (1.8, (8, 32, 64)), "continuous": (2.0, (32,))}
"""How many times as fast as each rival the engine is to be, and at how many concurrent requests."""


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

    arena = Arena.open(name, path, context_tokens=CONTEXT_TOKENS[name])
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
                lengths=LENGTHS[name],
                random=random,
                absent=plan.absent,
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


def _range(model: str) -> str:
    return f"{LENGTHS[model].shortest} to {LENGTHS[model].longest}"


def _goals() -> list[Goal]:
    return [
        Goal(
            figure=f"{model}.{plan.concurrency}.{name}",
            text=f"{OWN} over {RIVALS[name]}, {model}, {plan.concurrency} concurrent",
            at_least=bound,
        )
        for model, plans in FULL.items()
        for name, (bound, sizes) in BOUNDS.items()
        for plan in plans
        if plan.concurrency in sizes
    ]


SECTION = Section(
    name="engine",
    title="The engine beside its alternatives",
    method=(
        f"Prompts and completions have {_range(SHIPPED)} tokens each ({_range(RANDOM)} for the larger model), spread "
        "evenly; "
        "greedy, past the end of text, float32, one thread of torch. The same requests go to all: to `TorchEngine` "
        "through `submit` from as many client threads as there are concurrent requests, each of which takes the next "
        "request when its last one has ended; to transformers' continuous batching with as many in flight (pages and "
        "tokens per step set by hand); to `generate` in left-padded batches of that size, of which only the tokens "
        "asked for count; and to `generate` one by one, which gets the first few requests only, as its speed does "
        "not depend on their number. The *bare decode loop* is the model's own forward pass over one full batch with a "
        "cache that begins with the mean length of a prompt and grows: no prompts, no scheduling, no text. It bounds "
        "what an engine on the same layers can reach; ours packs the weights of large ones."
    ),
    run=run,
    goals=_goals(),
)
