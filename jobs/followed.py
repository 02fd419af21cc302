"""One look of a reader at the tokens of a job."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jobs.job import JobState
from jobs.spec import unpack_tokens
from jobs.token_run import TokenRun


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """How far a reader is: `tokens` is the index of the token that it needs next.

    The first `chunks` of the log, which end before token `read`, need not be looked at again.
    """

    chunks: int = 0
    read: int = 0
    tokens: int = 0


BEGINNING = Cursor()


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """Where the job stands, and the tokens from the cursor on; with `has_more` not all that are recorded.

    The next look begins at `cursor`. Once the state is final, the tokens up to a look without `has_more` are all
    there will be.
    """

    state: JobState
    version: int
    tokens: TokenRun
    cursor: Cursor
    has_more: bool


def followed(answer: Sequence[Any], cursor: Cursor) -> Followed:
    """What `follow.lua` has answered to a look at *cursor*."""
    _, state, version, is_packed, has_more, *chunks = answer
    run = unpack_tokens(chunks, first=0 if is_packed else cursor.read)
    fresh = run.since(cursor.tokens)
    if run.end <= cursor.tokens:
        fresh = TokenRun(first=cursor.tokens)
    if not is_packed:
        cursor = Cursor(chunks=cursor.chunks + len(chunks), read=run.end, tokens=fresh.end)
    return Followed(
        state=JobState(state.decode()),
        version=version,
        tokens=fresh,
        cursor=Cursor(chunks=cursor.chunks, read=cursor.read, tokens=fresh.end),
        has_more=has_more == 1,
    )
