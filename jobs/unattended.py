"""How a job ends when no worker is there to say why: the code of its error, and the words for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class UnattendedEnd(NamedTuple):
    """`{lost}` in the message stands for how often a worker was lost."""

    code: str
    message: str


UNATTENDED_ENDS: Mapping[str, UnattendedEnd] = {
    "worker_lost": UnattendedEnd(
        "worker_lost",
        "The worker running this job was lost {lost} times, the last time while running nothing else.",
    ),
    "stream_lost": UnattendedEnd(
        "worker_lost",
        "The worker running this job gave way after readers had seen some of its text, and the model cannot go on "
        "from there.",
    ),
    "deadline_exceeded": UnattendedEnd("deadline_exceeded", "The job did not finish before its deadline."),
    "not_started_in_time": UnattendedEnd("not_started_in_time", "No worker started the job within start_within_s."),
}
"""By the name that the moves have for it; they tell it in webhooks, readers of the record in the job."""
