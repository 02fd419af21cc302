from __future__ import annotations

from typing import Any, cast

import pytest

from scripts.benchmark.client import Client
from scripts.benchmark.sections.cache import CALLS, HIT, RUN, SECTION, medians, report


class Answers:
    """A client of a system that keeps a result from its second answer on; `lies` runs what it says is kept."""

    def __init__(self, *, lies: bool = False) -> None:
        self.asked = 0
        self._lies = lies

    def infer(self, body: dict[str, Any]) -> dict[str, Any]:
        self.asked += 1
        is_kept = self.asked > 1 and body.get("cache") != "bypass"
        if self._lies and self.asked > CALLS:
            is_kept = True
        return {"text": "Yes.", **({"cached": True} if is_kept else {})}


def test_both_kinds_are_timed_in_each_round_but_the_first() -> None:
    answers = Answers()
    seconds = medians(cast("Client", answers), rounds=2)

    assert {name: len(values) for name, values in seconds.items()} == {HIT: 2, RUN: 2}
    assert answers.asked == 2 + 3 * 2 * CALLS


def test_an_answer_of_the_wrong_kind_is_no_measurement() -> None:
    with pytest.raises(RuntimeError, match="the same, run: the answer is from the cache"):
        medians(cast("Client", Answers(lies=True)), rounds=2)


def test_what_is_saved_is_a_ratio_within_the_round_beside_milliseconds() -> None:
    told = report({HIT: [0.002, 0.003, 0.002], RUN: [0.004, 0.004, 0.008]})

    assert told.figures["hit_over_run"].median == 0.5
    assert told.figures["hit_ms"].median == 2
    [goal] = SECTION.goals
    assert goal.verdict(told.figures["hit_over_run"]) == "holds"
