"""How a job ends when no worker is there to say why: the code of its error, and the words for people."""

from __future__ import annotations

from collections.abc import Mapping

UNATTENDED_ENDS: Mapping[str, str] = {
    "worker_lost": "The worker running this job was lost {lost} times, the last time while running nothing else.",
    "deadline_exceeded": "The job did not finish before its deadline.",
    "not_started_in_time": "No worker started the job within start_within_s.",
}
"""`{lost}` stands for how often a worker was lost; the moves tell it in webhooks, readers of the record in the job."""
