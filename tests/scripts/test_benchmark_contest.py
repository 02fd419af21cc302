from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest
import torch

from models.scripted import ScriptedEngine
from scripts.benchmark.contest.arena import Arena
from scripts.benchmark.contest.bout import BARE, CONTINUOUS, ONE_BY_ONE, OWN, STATIC, Bout, Parity
from scripts.benchmark.contest.fight import fight
from scripts.benchmark.contest.load import Lengths, Request, draw_requests
from scripts.benchmark.contest.own import through_engine
from scripts.benchmark.contest.parity import compare
from scripts.benchmark.contest.report import note, tables
from scripts.benchmark.spent import Spent
from scripts.random_model import build


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def arena(tmp_path_factory: pytest.TempPathFactory) -> Arena:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    build("tiny", folder, dtype=torch.float32)
    return Arena.open("tiny", folder, context_tokens=128)


def _spent(per_cpu_second: int) -> Spent:
    return Spent(units=per_cpu_second, cpu_seconds=1.0, wall_seconds=2.0)


def test_lengths_spread_evenly_over_the_range(arena: Arena) -> None:
    requests = draw_requests(24, arena.tokenizer, Random(1), Lengths(longest=31))
    for quarter in range(4):
        low = 16 + 4 * quarter
        assert 5 <= sum(low <= request.completion_tokens < low + 4 for request in requests) <= 7
    assert abs(sum(len(request.prompt_ids) for request in requests) / 24 - 23.5) < 2


def test_a_prompt_is_the_same_as_text_and_as_tokens(arena: Arena) -> None:
    for request in draw_requests(10, arena.tokenizer, Random(2), Lengths(longest=40)):
        assert arena.tokenizer.prompt_ids(request.inference()) == list(request.prompt_ids)


def test_clients_ask_for_every_request_once_and_get_its_tokens() -> None:
    requests = [Request(prompt=f"word {number}", prompt_ids=(1, 2), completion_tokens=number) for number in range(1, 9)]
    engine = ScriptedEngine(slots=2)
    try:
        heard = through_engine(engine, requests, clients=3)
    finally:
        engine.close()
    assert [len(one.ids) for one in heard] == list(range(1, 9))
    assert all(one.first_at <= one.last_at for one in heard)


def test_all_ways_generate_the_same_and_count_only_what_was_asked_for(arena: Arena) -> None:
    bout = fight(
        arena,
        concurrency=3,
        rounds=2,
        requests=5,
        sample=2,
        bare_steps=4,
        lengths=Lengths(longest=24),
        random=Random(3),
    )
    assert set(bout.spent) == {OWN, CONTINUOUS, STATIC, ONE_BY_ONE, BARE}
    units = {way: [spent.units for spent in rounds] for way, rounds in bout.spent.items()}
    assert units[OWN] == units[CONTINUOUS] == units[STATIC]
    assert units[BARE] == [12, 12]
    assert {way: parity.compared for way, parity in bout.parity.items()} == {CONTINUOUS: 10, STATIC: 10, ONE_BY_ONE: 4}
    assert all(parity.different == parity.tied for parity in bout.parity.values())


def test_a_way_that_is_absent_costs_nothing(arena: Arena) -> None:
    bout = fight(
        arena,
        concurrency=2,
        rounds=1,
        requests=2,
        sample=1,
        bare_steps=2,
        lengths=Lengths(longest=24),
        random=Random(3),
        absent=(CONTINUOUS,),
    )
    assert set(bout.spent) == {OWN, STATIC, ONE_BY_ONE, BARE}


def test_a_way_that_says_something_else_is_found_out(arena: Arena) -> None:
    [request] = draw_requests(1, arena.tokenizer, Random(4), Lengths(longest=24))
    with arena.contestants(1) as ways:
        [said] = ways[OWN]([request])
    assert len(said) == request.completion_tokens
    other = [*said[:-1], (said[-1] + 1) % 4096]
    found = compare(arena.model, [request], {OWN: [said], STATIC: [other], CONTINUOUS: [said[:-1]]})
    assert found == {STATIC: Parity(1, 1, 0), CONTINUOUS: Parity(1, 1, 0)}


def test_tables_show_medians_and_paired_ratios() -> None:
    bout = Bout(
        model="shakespeare",
        concurrency=32,
        spent={OWN: [_spent(80), _spent(90), _spent(400)], ONE_BY_ONE: [_spent(20), _spent(30), _spent(40)]},
        parity={ONE_BY_ONE: Parity(9, 2, 1)},
    )
    speeds, ratios, by_wall = tables([bout])
    assert [OWN, "90"] in [list(row) for row in speeds.rows]
    assert [ONE_BY_ONE, "4 (3 to 10)"] in [list(row) for row in ratios.rows]
    assert [OWN, "45"] in [list(row) for row in by_wall.rows]
    assert "7 of 9 as `generate`, one by one says them (1 of the other 2 part at a tie)" in note([bout])
