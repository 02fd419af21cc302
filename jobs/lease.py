"""The right to run an attempt, with what a worker needs to know for it."""

from __future__ import annotations

from dataclasses import dataclass

from jobs.job import JobState
from jobs.new_job import Reuse
from jobs.request import InferenceRequest, TokenLogprobs
from jobs.traceparent import span_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to run one attempt of a job, good until `token` is superseded.

    `emitted_ids` are the tokens that earlier attempts have left to go on from. `run_seconds` is what
    remains, at the claim, of the run limit or the deadline, whichever comes first; `ends_as` is the
    state the job takes when that is used up. Of the deadline alone `deadline_seconds` remain. `wasted_tokens`,
    `prompt_tokens` and `engine_seconds` are what attempts before this have used, as far as they could say.
    `tells_result`: its webhook includes the result. `is_streamed`: somebody reads its tokens as they come. It
    `goes_first` where its tenant runs nothing else: before jobs that wait in the worker for a slot. `reuse` where
    another job may get its result; with `is_shared` others may be waiting for this very run. `traceparent` is what the
    job came with, or, if it `is_traced`, that of its request's span; then `first_token` is that of the first lease on
    the job.
    """

    job_id: str
    tenant: str
    token: int
    attempt: int
    worker: str
    request: InferenceRequest
    run_seconds: float
    ends_as: JobState
    queue_wait_seconds: float
    deadline_seconds: float = float("inf")
    wasted_tokens: int = 0
    prompt_tokens: int = 0
    engine_seconds: float = 0.0
    emitted_ids: tuple[int, ...] = ()
    emitted_pieces: tuple[str, ...] = ()
    emitted_logprobs: tuple[TokenLogprobs | None, ...] = ()
    company_expected: bool = False
    goes_first: bool = False
    tells_result: bool = False
    is_streamed: bool = False
    reuse: Reuse | None = None
    is_shared: bool = False
    traceparent: str | None = None
    is_traced: bool = False
    first_token: int | None = None

    @property
    def span_id(self) -> str:
        """Of the attempt, in the job's trace."""
        return span_id(self.job_id, self.token)

    @property
    def first_span_id(self) -> str | None:
        """Of the job's first attempt, None if this is it."""
        is_first = self.first_token is None or self.first_token == self.token
        return None if is_first else span_id(self.job_id, self.first_token or 0)
