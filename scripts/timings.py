"""The times of one job, as a line for people."""

from __future__ import annotations

from scripts.job_view import JobView


def timing_line(job: JobView) -> str:
    """Such as `queue wait 12 ms · TTFT 45 ms · … · time to result 0.61 s`; leaves out what is not known.

    The tokens per second are those of an only attempt: who goes on after another has not made all of the tokens.
    """
    timing, usage = job.member("timing"), job.member("usage")
    completion_tokens, attempt_seconds = usage.get("completion_tokens"), timing.get("attempt_s")
    parts = [
        _named("queue wait", timing.get("queue_wait_s")),
        _named("TTFT", timing.get("ttft_s")),
        _named("TPOT", timing.get("tpot_s")),
    ]
    if job.body.get("cached"):
        parts.append("cached")
    if completion_tokens is not None:
        parts.append(f"{usage.get('prompt_tokens', '?')} + {completion_tokens} tokens")
        if completion_tokens and attempt_seconds and job.body.get("attempt") == 1:
            parts.append(f"{completion_tokens / attempt_seconds:.3g} tokens/s")
    parts.append(_named("time to result", timing.get("time_to_result_s")))
    return " · ".join(part for part in parts if part)


def seconds_text(seconds: float) -> str:
    """A duration in the unit a person would choose."""
    if seconds < 0.9995:  # noqa: PLR2004 - what rounds to a second is a second
        return f"{seconds * 1000:.3g} ms"
    if seconds < 59.95:  # noqa: PLR2004 - and what rounds to a minute, a minute
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


def _named(name: str, seconds: float | None) -> str:
    return "" if seconds is None else f"{name} {seconds_text(seconds)}"
