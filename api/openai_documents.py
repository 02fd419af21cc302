"""What OpenAI's answers with texts have in common: ids, usage, log probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from jobs.job import Job
from jobs.request import Candidate, TokenLogprobs

_LEAST_LOGPROB = -9999.0
"""What OpenAI tells of a token that could not be; minus infinity is no JSON."""


def id_like(prefix: str, job_id: str) -> str:
    """The letters of a job's id under another prefix, as OpenAI names its answers."""
    return f"{prefix}-{job_id.partition('_')[2]}"


def usage_document(job: Job) -> dict[str, Any]:
    """The tokens of a request for a text; those of a known completion are not OpenAI's to call cached."""
    usage = job.usage
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": min(usage.cached_tokens, usage.prompt_tokens)},
        "completion_tokens_details": {"reasoning_tokens": 0},
    }


def chat_logprobs(tokens: Sequence[TokenLogprobs | None]) -> dict[str, Any]:
    """Those of a chat completion, or of a chunk of one."""
    content = [
        _candidate(token.chosen) | {"top_logprobs": [_candidate(one) for one in token.top]} for token in tokens if token
    ]
    return {"content": content, "refusal": None}


def completion_logprobs(
    tokens: Sequence[TokenLogprobs | None], pieces: Sequence[str], *, offset: int = 0
) -> dict[str, Any]:
    """Those of a completion in the older form; *offset* is where the first piece begins in the whole text."""
    offsets = accumulate(map(len, pieces), initial=offset)
    told = [(token, at) for token, at in zip(tokens, offsets, strict=False) if token]
    has_top = any(token.top for token, _ in told)
    return {
        "tokens": [token.chosen.text for token, _ in told],
        "token_logprobs": [_finite(token.chosen.logprob) for token, _ in told],
        "top_logprobs": [_by_text((*token.top, token.chosen)) for token, _ in told] if has_top else None,
        "text_offset": [at for _, at in told],
    }


def _candidate(candidate: Candidate) -> dict[str, Any]:
    return {
        "token": candidate.text,
        "logprob": _finite(candidate.logprob),
        "bytes": list(candidate.text.encode()),
    }


def _by_text(candidates: Sequence[Candidate]) -> dict[str, float]:
    """By text; of tokens that have the same, as parts of characters do, the likeliest."""
    told: dict[str, float] = {}
    for candidate in candidates:
        told.setdefault(candidate.text, _finite(candidate.logprob))
    return told


def _finite(logprob: float) -> float:
    return max(logprob, _LEAST_LOGPROB)
