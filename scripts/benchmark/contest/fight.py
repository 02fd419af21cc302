"""Rounds of one contest."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection
from random import Random
from statistics import mean

from scripts.benchmark.contest.arena import Arena, Generate
from scripts.benchmark.contest.bare import decode
from scripts.benchmark.contest.bout import BARE, ONE_BY_ONE, Bout, Parity
from scripts.benchmark.contest.load import Lengths, draw_requests
from scripts.benchmark.contest.parity import compare
from scripts.benchmark.pairs import alternate
from scripts.benchmark.spent import Spent, spend


def fight(
    arena: Arena,
    *,
    concurrency: int,
    rounds: int,
    requests: int,
    sample: int,
    bare_steps: int,
    lengths: Lengths,
    random: Random,
    absent: Collection[str] = (),
) -> Bout:
    """Each round has requests of its own, the same for every way; only the first *sample* are run one by one.

    The ways named in *absent* take no part.
    """
    drawn = [draw_requests(requests, arena.tokenizer, random, lengths) for _ in range(rounds)]
    outputs: dict[int, dict[str, list[list[int]]]] = defaultdict(dict)

    def contestant(name: str, generate: Generate) -> Callable[[int], Spent]:
        def run(number: int) -> Spent:
            mine = drawn[number][:sample] if name == ONE_BY_ONE else drawn[number]

            def work() -> int:
                outputs[number][name] = generate(mine)
                return sum(map(len, outputs[number][name]))

            return spend(work)

        return run

    with arena.contestants(concurrency) as ways:
        contestants = {name: contestant(name, generate) for name, generate in ways.items() if name not in absent}
        prompt_tokens = round(mean(len(request.prompt_ids) for round_ in drawn for request in round_))
        contestants[BARE] = lambda _: decode(
            arena.model, rows=concurrency, prompt_tokens=prompt_tokens, steps=bare_steps, random=random
        )
        spent = alternate(contestants, rounds=rounds)
    parity: dict[str, Parity] = defaultdict(Parity)
    for number, said in outputs.items():
        for name, found in compare(arena.model, drawn[number], said).items():
            parity[name] += found
    return Bout(model=arena.name, concurrency=concurrency, spent=spent, parity=dict(parity))
