"""The right to run an attempt, with what a worker needs to know for it."""

from __future__ import annotations

from dataclasses import dataclass

from jobs.job import JobState
from jobs.new_job import Reuse
from jobs.request import InferenceRequest, TokenLogprobs


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to run one attempt of a job, good until `token` is superseded.

    `emitted_ids` are the tokens that earlier attempts have left to go on from. `run_seconds` is what
    remains, at the claim, of the run limit or the deadline, whichever comes first; `ends_as` is the
    state the job takes when that is used up. `wasted_tokens`, `prompt_tokens` and `engine_seconds` are what attempts
    before this have used, as far as they could say. `tells_result`: its webhook includes the result. `is_streamed`:
    somebody reads its tokens as they come. It `goes_first` where its tenant runs nothing else: before jobs that wait in
    the worker for a slot. `reuse` where another job may get its result;
    with `is_shared` others may be waiting for this very run.
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
