"""An API that dies at any step of a submit: what was answered is kept, a repeat of what was not is no second job."""

from __future__ import annotations

import signal
from collections.abc import Callable
from random import Random

import pytest

from tests.system.books import Books
from tests.system.fleet import Fleet
from tests.system.history import History

FAILPOINTS = (
    pytest.param("api.before_record", marks=pytest.mark.long),
    pytest.param("api.after_record"),
    pytest.param("api.after_dispatch", marks=pytest.mark.long),
    pytest.param("api.before_reply", marks=pytest.mark.long),
)


@pytest.mark.parametrize("failpoint", FAILPOINTS)
def test_an_api_may_die_at_any_step_of_a_submit(
    fleet: Fleet, make_history: Callable[[str], History], random: Random, failpoint: str
) -> None:
    with fleet.another_api(FRONTIER_FAILPOINTS=f"{failpoint}=kill@{random.randint(12, 16)}") as (url, api):
        history = make_history(url)
        history.submit(random.randint(25, 35))
        deaths = len(list(api.events("failpoints_armed"))) - 1
        assert deaths >= 1
        Books(fleet, history).close()


@pytest.mark.long
def test_an_api_killed_as_a_whole_is_found_again(fleet: Fleet, history: History, books: Books, random: Random) -> None:
    with history.submitting(random.randint(20, 40)):
        books.wait_until_recorded(random.randint(1, 10))
        fleet.api.send(signal.SIGKILL)
    books.close()
    assert fleet.api.exit_codes[-1] == -signal.SIGKILL
