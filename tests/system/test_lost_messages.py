"""A broker that loses or doubles messages: a message is a hint."""

from __future__ import annotations

import time
from random import Random

import pytest

from tests.system.books import Books, nothing_was_counted
from tests.system.fleet import MODEL, Fleet
from tests.system.history import History

BROKER_KEYS = (f"frontier.{MODEL}", "unacked", "unacked_index", "unacked_mutex")


@pytest.mark.long
def test_jobs_outlive_the_loss_of_everything_in_the_broker(
    fleet: Fleet, history: History, books: Books, random: Random
) -> None:
    with history.submitting(random.randint(40, 60)):
        for _ in range(random.randint(3, 12)):
            fleet.client.delete(*BROKER_KEYS)
            time.sleep(random.uniform(0.0, 0.3))
    assert nothing_was_counted(books.close())


@pytest.mark.long
def test_the_broker_may_forget_its_bindings_too(fleet: Fleet, history: History, books: Books, random: Random) -> None:
    history.submit(random.randint(10, 20))
    fleet.client.delete(*BROKER_KEYS, *fleet.client.scan_iter("_kombu*"))
    history.submit(random.randint(10, 20))
    assert nothing_was_counted(books.close())


@pytest.mark.long
def test_a_message_that_comes_three_times_is_heeded_once(
    fleet: Fleet, history: History, books: Books, random: Random
) -> None:
    promises = history.submit(random.randint(20, 40))
    repeats = [promise.job_id for promise in promises] * 2
    random.shuffle(repeats)
    for job_id in repeats:
        fleet.message(job_id)
    assert nothing_was_counted(books.close())
