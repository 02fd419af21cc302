"""The packed form in which a result is kept for jobs that ask for the same."""

from __future__ import annotations

from dataclasses import replace
from struct import Struct

from jobs.job import Outcome, Timing, Usage
from jobs.new_job import KnownResult
from jobs.spec import pack_outcome, pack_tokens, unpack_outcome, unpack_tokens
from jobs.token_run import TokenRun

_LENGTH = Struct(">I")


def pack_result(outcome: Outcome, tokens: TokenRun) -> bytes:
    """The length of the outcome in four bytes, the outcome, and the token log, each packed as in a record."""
    packed = pack_outcome(outcome)
    return _LENGTH.pack(len(packed)) + packed + pack_tokens(tokens.ids, tokens.pieces, tokens.logprobs)


def unpack_result(packed: bytes) -> KnownResult:
    """What a job gets that asks for the same: all its tokens count as cached, and no engine has worked for it."""
    (length,) = _LENGTH.unpack_from(packed)
    body = packed[_LENGTH.size :]
    outcome = unpack_outcome(body[:length])
    prompt, completion = outcome.usage.prompt_tokens, outcome.usage.completion_tokens
    used = Usage(prompt_tokens=prompt, completion_tokens=completion, cached_tokens=prompt + completion)
    return KnownResult(outcome=replace(outcome, usage=used, timing=Timing()), tokens=unpack_tokens([body[length:]]))
