"""When what became of lines is worth a part."""

from __future__ import annotations

import pytest

from api.batches.answer_lines import AnswerLine
from api.batches.harvest import PART_LINES, PART_SECONDS, PROMPT_PARTS, Harvest, longest_wait

DAY = 86_400.0


def harvest(lines: int) -> Harvest:
    made = Harvest()
    for _ in range(lines):
        made.add(AnswerLine("output", b"{}\n"), job_id=None, now=5.0)
    return made


@pytest.mark.parametrize(("seconds", "most"), [(DAY, 1_800), (7 * DAY, 3_400)])
def test_however_slowly_lines_come_there_are_few_parts(seconds: float, most: int) -> None:
    """The worst there is: with and without a result they come one by one, so that each commit makes two parts."""
    parts, now = 0, 0.0
    while now < seconds:
        now += longest_wait(parts)
        parts += 2

    assert parts <= most


def test_the_first_parts_are_written_promptly() -> None:
    assert {longest_wait(parts) for parts in range(PROMPT_PARTS + 1)} == {PART_SECONDS}
    assert longest_wait(PROMPT_PARTS + 1) > PART_SECONDS


def test_what_is_much_is_a_part_however_many_there_are() -> None:
    assert harvest(PART_LINES).is_due(5.0, parts=10_000)
    assert not harvest(1).is_due(5.0 + PART_SECONDS, parts=10_000)
    assert harvest(1).is_due(5.0 + PART_SECONDS, parts=0)
