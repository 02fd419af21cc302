"""What moves are given and what they answer, in the form that Redis sees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, NamedTuple, Self

from jobs.answers import Emission
from jobs.job import JobState, Outcome, Usage
from jobs.keys import idempotency_digest, ref
from jobs.lease import Lease
from jobs.new_job import NewJob, Reuse
from jobs.scripts import Argument
from jobs.spec import pack_outcome, pack_spec, pack_tokens, unpack_spec, unpack_tokens
from jobs.tenant_limits import TenantLimits
from jobs.token_run import TokenRun
from jobs.traceparent import from_record, to_record
from jobs.webhooks.telling import pack_webhook, told_of_end


class Bounds(NamedTuple):
    """How much there may be: jobs that wait for a model, of all tenants and of one; '' for any number.

    `usual_limits` are those of a tenant that has none of its own, packed.
    """

    all_tenants: int | Literal[""]
    tenant: int | Literal[""]
    usual_limits: str

    @classmethod
    def of(cls, max_waiting: int | None, max_waiting_per_tenant: int | None, usual: TenantLimits) -> Self:
        """As the moves are given them."""
        return cls(
            "" if max_waiting is None else max_waiting,
            "" if max_waiting_per_tenant is None else max_waiting_per_tenant,
            usual.packed(),
        )


def milliseconds(seconds: float) -> int:
    """Durations and instants alike."""
    return round(seconds * 1000)


def microseconds(seconds: float) -> int:
    """Times of an engine, which are added up."""
    return round(seconds * 1_000_000)


def ref_of(lease: Lease) -> str:
    """How global structures name the job of a lease."""
    return ref(lease.tenant, lease.job_id)


def accept_arguments(
    job: NewJob, *, usual_deadline_seconds: float, bounds: Bounds, takes_new: bool
) -> Sequence[Argument]:
    """For `accept.lua`."""
    return (
        ref(job.tenant, job.id),
        job.request.model,
        pack_spec(job.request, job.metadata, job.asked),
        _or_empty(job.deadline_at),
        milliseconds(usual_deadline_seconds),
        job.request.estimated_tokens,
        _or_empty(job.start_within_seconds),
        milliseconds(job.timeout_seconds),
        milliseconds(job.retention_seconds),
        job.max_attempts,
        idempotency_digest(job.idempotency_key) if job.idempotency_key else "",
        job.fingerprint,
        bounds.all_tenants,
        pack_webhook(job.webhook) if job.webhook else "",
        to_record(job.traceparent, is_traced=job.is_traced),
        "1" if job.is_streamed else "",
        job.foreground.fingerprint if job.foreground else "",
        "1" if job.foreground and job.foreground.is_retry else "",
        job.priority.value,
        job.key_id,
        bounds.tenant,
        bounds.usual_limits,
        *_reuse_arguments(job),
        job.run_digest or "",
        "" if takes_new else "1",
        *((job.line.batch_id, job.line.token, job.line.position) if job.line else ("", "", "")),
    )


def _reuse_arguments(job: NewJob) -> Sequence[Argument]:
    reuse = job.reuse
    if reuse is None:
        return ("",) * 8
    known = reuse.known
    keep = _or_empty(reuse.keep_seconds)
    if known is None:
        return (reuse.digest, keep, *("",) * 6)
    tells_result = job.webhook is not None and job.webhook.include_result
    return (
        reuse.digest,
        keep,
        pack_outcome(known.outcome),
        pack_tokens(known.tokens.ids, known.tokens.pieces, known.tokens.logprobs) if known.tokens else "",
        known.outcome.usage.completion_tokens,
        known.outcome.finish_reason or "",
        told_of_end(job.id, known.outcome) if tells_result else "",
        known.outcome.usage.prompt_tokens,
    )


def claimed_lease(answer: Sequence[Any], job_id: str, *, model: str, worker: str) -> Lease:
    """The lease that `claim.lua` has answered."""
    _, tenant, token, attempt, run_ms, ends_as, deadline_ms, wait_ms, *rest = answer
    wasted, prompt, engine, others, goes_first, tells, streamed, same, keep_ms, shared, *rest = rest
    trace, first_token, spec, *chunks = rest
    request, _, _ = unpack_spec(spec, model)
    emitted = unpack_tokens(chunks)
    traceparent, is_traced = from_record(trace.decode())
    return Lease(
        job_id=job_id,
        tenant=tenant.decode(),
        token=token,
        attempt=attempt,
        worker=worker,
        request=request,
        run_seconds=run_ms / 1000,
        ends_as=JobState(ends_as.decode()),
        deadline_seconds=deadline_ms / 1000,
        queue_wait_seconds=wait_ms / 1000,
        wasted_tokens=wasted,
        prompt_tokens=prompt,
        engine_seconds=engine / 1e6,
        emitted_ids=tuple(emitted.ids),
        emitted_pieces=tuple(emitted.pieces),
        emitted_logprobs=tuple(emitted.logprobs),
        company_expected=others > 0,
        goes_first=goes_first == 1,
        tells_result=tells == 1,
        is_streamed=streamed == 1,
        reuse=Reuse(digest=same.decode(), keep_seconds=keep_ms / 1000 if keep_ms else None) if same else None,
        is_shared=shared == 1,
        traceparent=traceparent,
        is_traced=is_traced,
        first_token=first_token or None,
    )


def traceparents_of(ids: Sequence[str], traces: Sequence[bytes]) -> Mapping[str, str]:
    """Of jobs by their ids; the trace of one that is not traced is empty."""
    kept = ((job_id, from_record(trace.decode())[0]) for job_id, trace in zip(ids, traces, strict=True) if trace)
    return {job_id: traceparent for job_id, traceparent in kept if traceparent is not None}


def emit_arguments(emission: Emission, *, lease_ms: int) -> Sequence[Argument]:
    """For `emit.lua`."""
    return (
        ref_of(emission.lease),
        emission.lease.token,
        emission.first_index,
        len(emission.ids),
        pack_tokens(emission.ids, emission.pieces, emission.logprobs),
        lease_ms,
    )


def finish_arguments(
    lease: Lease,
    outcome: Outcome,
    *,
    tokens: TokenRun,
    retry_after_seconds: float | None,
    can_continue: bool,
    lease_ms: int,
) -> Sequence[Argument]:
    """For `finish.lua`."""
    return (
        ref_of(lease),
        lease.token,
        outcome.state.value,
        pack_outcome(outcome),
        pack_tokens(tokens.ids, tokens.pieces, tokens.logprobs) if tokens else "",
        outcome.usage.completion_tokens,
        _or_empty(retry_after_seconds),
        lease_ms,
        told_of_end(lease.job_id, outcome) if lease.tells_result else "",
        outcome.finish_reason or "",
        "1" if can_continue else "0",
        _used_tokens(outcome),
        outcome.usage.prompt_tokens,
        outcome.usage.cached_tokens,
        outcome.usage.wasted_tokens,
        microseconds(outcome.usage.engine_seconds),
        *_told_to_followers(lease, outcome),
    )


def spent_arguments(spent: Usage | None) -> Sequence[Argument]:
    """What an attempt has used that does not count, for `postpone.lua`."""
    if spent is None:
        return ("",) * 4
    engine = microseconds(spent.engine_seconds)
    return spent.prompt_tokens, spent.cached_tokens, engine, spent.completion_tokens


def _told_to_followers(lease: Lease, outcome: Outcome) -> Sequence[Argument]:
    """The end that others get from this run: nothing of it was generated for them."""
    if not lease.is_shared or outcome.state not in {JobState.SUCCEEDED, JobState.FAILED}:
        return "", ""
    usage = Usage(
        prompt_tokens=outcome.usage.prompt_tokens,
        completion_tokens=outcome.usage.completion_tokens,
        cached_tokens=outcome.usage.prompt_tokens + outcome.usage.completion_tokens,
    )
    theirs = replace(outcome, usage=usage)
    return pack_outcome(theirs), told_of_end(lease.job_id, theirs)


def _used_tokens(outcome: Outcome) -> Argument:
    """Prompt and completion; empty for a success of which nobody has counted them."""
    used = outcome.usage.prompt_tokens + outcome.usage.completion_tokens
    return used if used or outcome.state is not JobState.SUCCEEDED else ""


def _or_empty(seconds: float | None) -> Argument:
    return "" if seconds is None else milliseconds(seconds)
