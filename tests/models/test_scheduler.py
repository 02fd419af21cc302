from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jobs.request import SamplingParams
from models.detokenizer import Detokenizer
from models.scheduler import Scheduler, plan
from models.sequence import Sequence
from models.step_layout import cheapest_cuts


def sequence(name: str, prompt_tokens: int) -> Sequence:
    return Sequence(
        name,
        list(range(prompt_tokens)),
        params=SamplingParams(),
        max_tokens=1,
        eos_ids=frozenset(),
        decoder=Detokenizer(str),
        on_token=lambda _: None,
    )


def test_sequences_are_admitted_in_the_order_of_arrival_to_the_lowest_free_slots() -> None:
    scheduler = Scheduler[Sequence](slots=2)
    first, second, third = (sequence(name, 3) for name in "abc")
    for one in (first, second, third):
        scheduler.add(one)

    assert scheduler.admit() == [first, second]
    assert (first.slot, second.slot, list(scheduler.waiting)) == (0, 1, [third])

    first.add(7)
    assert scheduler.retire() == [first]
    assert scheduler.admit() == [third]
    assert (third.slot, scheduler.running) == (0, [second, third])


def test_one_that_goes_first_is_put_before_those_that_wait_and_each_of_them_lets_one_pass() -> None:
    scheduler = Scheduler[Sequence](slots=1)
    running, waits, late, first, second, third = (sequence(name, 3) for name in "abcdef")
    for one in (running, waits, late):
        scheduler.add(one)
    scheduler.admit()

    for one in (first, second, third):
        scheduler.add(one, goes_first=True)

    assert list(scheduler.waiting) == [first, waits, late, second, third]


def test_one_that_goes_first_is_put_behind_the_others_that_do() -> None:
    scheduler = Scheduler[Sequence](slots=1)
    first, second, late, third = (sequence(name, 3) for name in "abcd")
    for one in (first, second):
        scheduler.add(one, goes_first=True)
    scheduler.add(late)
    scheduler.add(third, goes_first=True)

    assert list(scheduler.waiting) == [first, second, third, late]


def test_a_step_takes_every_decoding_sequence_and_only_so_many_prompt_tokens() -> None:
    decoding, long, short, late = (sequence(name, count) for name, count in (("a", 5), ("b", 9), ("c", 4), ("d", 4)))
    decoding.stored = 4
    decoding.slot = 3
    long.stored = 2

    step = plan([long, decoding, short, late], prefill_tokens=10)

    assert step.decode == [decoding]
    assert [(chunk.sequence, chunk.start, chunk.count, chunk.is_last) for chunk in step.prefill] == [
        (long, 2, 7, True),
        (short, 0, 3, False),
    ]


def test_a_prompt_longer_than_a_step_takes_several() -> None:
    long = sequence("a", 25)
    chunks = []
    while long.pending > 1:
        (chunk,) = plan([long], prefill_tokens=10).prefill
        chunks.append((chunk.start, chunk.count))
        long.stored += chunk.count
        if chunk.is_last:
            break

    assert chunks == [(0, 10), (10, 10), (20, 5)]


@given(st.lists(st.integers(1, 300), max_size=7), st.integers(0, 200))
def test_rows_are_cut_into_buckets_at_the_least_cost(lengths: list[int], cost_tokens: int) -> None:
    def cost(cuts: list[tuple[int, int]]) -> int:
        return sum((end - start) * max(lengths[start:end]) + cost_tokens for start, end in cuts)

    def every_way(start: int) -> list[list[tuple[int, int]]]:
        if start == len(lengths):
            return [[]]
        return [[(start, end), *rest] for end in range(start + 1, len(lengths) + 1) for rest in every_way(end)]

    cuts = cheapest_cuts(lengths, cost_tokens=cost_tokens)

    assert [row for start, end in cuts for row in range(start, end)] == list(range(len(lengths)))
    assert cost(cuts) == min(cost(way) for way in every_way(0))
