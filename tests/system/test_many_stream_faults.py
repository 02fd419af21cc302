"""Faults of every kind, one soon after another, while readers follow what is generated and are cut off too."""

from __future__ import annotations

import time
from random import Random

import pytest

from tests.system.books import Books
from tests.system.fleet import Fleet
from tests.system.history import History
from tests.system.readers import Readers, some_cuts
from tests.system.test_many_faults import COST_LEASES, COST_NOTHING, Fault


@pytest.mark.long
@pytest.mark.parametrize("round_", range(2))
def test_many_faults_in_a_row_neither_cost_nor_double_a_token_of_a_stream(
    fleet: Fleet, history: History, books: Books, readers: Readers, random: Random, *, round_: int
) -> None:
    del round_  # another one is another draw
    faults: list[Fault] = [*random.choices(COST_LEASES, k=2), *random.choices(COST_NOTHING, k=6)]
    random.shuffle(faults)
    promises = history.submit(40, seconds=(1.0, 6.0))
    for promise in random.choices(promises, k=50):
        readers.begin(promise.job_id, cuts=some_cuts(random, random.randint(0, 10), 4000))
    with history.submitting(random.randint(20, 40)):
        for fault in faults:
            time.sleep(random.uniform(0.0, 1.5))
            fault(fleet, random)
    fleet.wait_until_whole()
    readers.check(promises)
    books.close()
