from __future__ import annotations

from random import Random

import pytest

from observability.tracing.sampling import Sampling

KEY = b"the operator's"
IDS = [Random(7).getrandbits(128) for _ in range(1)] + [Random(number).getrandbits(128) for number in range(20_000)]


def sampling(ratio: float, *, trusts_parent: bool = False, key: bytes = KEY) -> Sampling:
    return Sampling(ratio, trusts_parent=trusts_parent, key=key)


def sent(trace_id: int, flags: str = "01") -> str:
    return f"00-{trace_id:032x}-00f067aa0ba902b7-{flags}"


def test_a_tenth_of_new_traces_is_taken_and_the_same_ones_everywhere() -> None:
    taken = [trace_id for trace_id in IDS if sampling(0.1).takes_new(trace_id)]
    assert 1_800 < len(taken) < 2_200
    assert taken == [trace_id for trace_id in IDS if sampling(0.1, key=b"another").takes_new(trace_id)]
    assert set(taken) < {trace_id for trace_id in IDS if sampling(0.2).takes_new(trace_id)}


@pytest.mark.parametrize(("ratio", "count"), [(0.0, 0), (1.0, len(IDS))])
def test_none_or_all_are_taken_where_that_is_asked(ratio: float, count: int) -> None:
    it = sampling(ratio)
    assert sum(it.takes_new(trace_id) for trace_id in IDS) == count
    assert sum(it.takes_child(sent(trace_id)) for trace_id in IDS) == count


def test_what_its_caller_does_not_record_is_not_recorded() -> None:
    assert not any(sampling(1.0, trusts_parent=True).takes_child(sent(trace_id, "00")) for trace_id in IDS)


def test_a_stranger_gets_no_more_than_its_part_whatever_ids_it_chooses() -> None:
    chosen = [trace_id << 64 for trace_id in IDS if trace_id >> 64 == 0] + [number << 64 for number in range(1, 20_001)]
    it = sampling(0.1)
    assert all(it.takes_new(trace_id) for trace_id in chosen), "these would be taken by their ids alone"
    assert 1_800 < sum(it.takes_child(sent(trace_id)) for trace_id in chosen) < 2_200


def test_all_requests_of_a_trace_are_treated_alike_by_those_who_have_the_key() -> None:
    mine = [sampling(0.5).takes_child(sent(trace_id)) for trace_id in IDS]
    assert mine == [sampling(0.5).takes_child(sent(trace_id)) for trace_id in IDS]
    assert mine != [sampling(0.5, key=b"another").takes_child(sent(trace_id)) for trace_id in IDS]


def test_a_caller_that_is_trusted_decides() -> None:
    it = sampling(0.0, trusts_parent=True)
    assert all(it.takes_child(sent(trace_id)) for trace_id in IDS)
    assert not any(it.takes_new(trace_id) for trace_id in IDS)
