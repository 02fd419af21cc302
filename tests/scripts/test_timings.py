"""The line that tells people the times of a job."""

from __future__ import annotations

from scripts.job_view import JobView
from scripts.timings import timing_line


def test_a_job_without_a_token_has_no_tokens_per_second() -> None:
    timing, usage = {"attempt_s": 0.005, "time_to_result_s": 0.019}, {"prompt_tokens": 4, "completion_tokens": 0}

    assert timing_line(JobView({"timing": timing, "usage": usage})) == "4 + 0 tokens · time to result 19 ms"
