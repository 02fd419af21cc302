from __future__ import annotations

from itertools import product
from typing import Any

import pytest
import redis

from jobs.job import MOVES, JobState
from jobs.scripts import Moves

EARLY_ENDS = {JobState.FAILED, JobState.CANCELLED, JobState.EXPIRED}


@pytest.mark.parametrize(("state", "target"), list(product(JobState, JobState)))
def test_every_move_is_either_in_the_table_or_refused_by_redis(
    bench: Any, redis_client: redis.Redis, state: JobState, target: JobState
) -> None:
    job_id = bench.accept()
    redis_client.hset(f"frontier:t:default:job:{job_id}", "state", state.value)
    probe = Moves(
        redis_client, bench.store.keys, bench.store.settings, extra={"probe": "return move(read_job(ARGV[3]), ARGV[4])"}
    )
    if target in MOVES[state]:
        probe.run("probe", f"default/{job_id}", target.value)
        assert bench.state(job_id) == target.value
    else:
        with pytest.raises(redis.ResponseError, match=f"cannot move from {state.value} to {target.value}"):
            probe.run("probe", f"default/{job_id}", target.value)


def test_final_states_are_those_without_moves() -> None:
    assert {state for state in JobState if state.is_final} == EARLY_ENDS | {JobState.SUCCEEDED}


def test_a_job_that_is_not_final_can_always_be_ended() -> None:
    assert all(targets >= EARLY_ENDS for state, targets in MOVES.items() if not state.is_final)
