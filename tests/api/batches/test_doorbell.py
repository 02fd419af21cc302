"""A run sleeps until there is enough to do."""

from __future__ import annotations

import threading

import pytest

from api.batches import doorbell
from api.batches.doorbell import Doorbell

LONG = 60.0


def waiter(bell: Doorbell, *, seconds: float = LONG, enough: int = 1) -> threading.Thread:
    thread = threading.Thread(target=lambda: bell.wait(seconds, enough=enough), daemon=True)
    thread.start()
    return thread


def test_whoever_waits_goes_on_once_it_was_rung_often_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doorbell, "AT_MOST_SECONDS", LONG)
    bell = Doorbell()
    thread = waiter(bell, enough=3)
    for _ in range(2):
        bell.ring()
    thread.join(0.1)
    assert thread.is_alive()
    bell.ring()
    thread.join(LONG)
    assert not thread.is_alive()


def test_one_ring_is_enough_after_a_while() -> None:
    bell = Doorbell()
    bell.ring()
    thread = waiter(bell, enough=1000)
    thread.join(LONG / 2)
    assert not thread.is_alive()


def test_what_is_urgent_is_waited_for_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doorbell, "AT_LEAST_SECONDS", LONG)
    bell = Doorbell()
    thread = waiter(bell, enough=1000)
    bell.ring()
    bell.hurry()
    thread.join(LONG / 2)
    assert not thread.is_alive()


def test_what_was_heard_wakes_once() -> None:
    bell = Doorbell()
    bell.ring()
    bell.wait(LONG, enough=1)
    thread = waiter(bell)
    thread.join(0.1)
    assert thread.is_alive()
    bell.hurry()
    thread.join(LONG)
    assert not thread.is_alive()
