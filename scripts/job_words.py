"""Where a job stands, in words for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scripts.api_errors import problem_sentence
from scripts.job_view import JobView
from scripts.timings import seconds_text


def state_words(job: Mapping[str, Any]) -> str:
    """Such as `queued, position 3, about 2 s`, or `running, attempt 2 of 3, 5 of 24 tokens`."""
    queue, progress = job.get("queue") or {}, job.get("progress") or {}
    words = [str(job.get("status"))]
    if job.get("status") == "running" and (attempt := job.get("attempt") or 0) > 1:
        words.append(f"attempt {attempt} of {job.get('max_attempts', '?')}")
    if queue.get("position") is not None:
        words.append(f"position {queue['position']}")
    if queue.get("eta_s") is not None:
        words.append(f"about {seconds_text(queue['eta_s'])}")
    if progress.get("completion_tokens"):
        words.append(f"{progress['completion_tokens']} of {progress.get('max_tokens', '?')} tokens")
    return ", ".join(words)


def ended_words(job: JobView) -> str:
    """How a job ended that has no result, and why."""
    return f"job {job.id} {job.state}" + (f": {problem_sentence(job.error)}" if job.error else "")
