"""The line that tells people the times of a job."""

from __future__ import annotations

from scripts.job_view import JobView
from scripts.timings import timing_line


def test_a_job_without_a_token_has_no_tokens_per_second() -> None:
    timing, usage = {"attempt_s": 0.005, "time_to_result_s": 0.019}, {"prompt_tokens": 4, "completion_tokens": 0}

    job = JobView({"attempt": 1, "timing": timing, "usage": usage})

    assert timing_line(job) == "4 + 0 tokens · time to result 19 ms"


def test_of_tokens_that_several_attempts_have_made_no_rate_is_told() -> None:
    timing, usage = {"attempt_s": 0.5, "time_to_result_s": 9}, {"prompt_tokens": 4, "completion_tokens": 100}

    job = JobView({"attempt": 2, "timing": timing, "usage": usage})

    assert timing_line(job) == "4 + 100 tokens · time to result 9 s"
