"""A job out of what its record holds: its short fields, its packed request and its packed outcome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from jobs.job import OPERATOR_KEY, AttemptError, Job, JobState, Outcome, Priority, Usage
from jobs.spec import unpack_outcome, unpack_spec
from jobs.unattended import UNATTENDED_ENDS


def job_of_record(tenant: str, job_id: str, raw: Mapping[bytes, bytes], spec: bytes, out: bytes | None) -> Job:
    """The job whose hash is *raw*, with its packed request and its packed outcome, if there is one yet."""
    fields = {name.decode(): value.decode() for name, value in raw.items()}
    state = JobState(fields["state"])
    request, metadata, asked = unpack_spec(spec, fields["model"])
    outcome = _outcome(state, fields, out)

    def number(name: str) -> int:
        return int(float(fields.get(name, 0)))

    def instant(name: str) -> float | None:
        return float(fields[name]) / 1000 if name in fields else None

    return Job(
        id=job_id,
        tenant=tenant,
        request=request,
        key_id=fields.get("key", OPERATOR_KEY),
        priority=Priority(fields.get("own_class") or fields.get("class", Priority.STANDARD)),
        metadata=metadata,
        state=state,
        version=number("version"),
        sequence=number("seq"),
        created_at=float(fields["created"]) / 1000,
        deadline_at=float(fields["deadline"]) / 1000,
        timeout_seconds=float(fields["timeout"]) / 1000,
        retention_seconds=float(fields["retention"]) / 1000,
        max_attempts=number("max"),
        start_by=instant("start_by"),
        not_before=instant("not_before"),
        started_at=instant("started"),
        claimed_at=instant("claimed"),
        finished_at=instant("finished"),
        expires_at=instant("retire"),
        cancel_requested_at=instant("cancel"),
        attempt=number("attempt"),
        failures=number("failures"),
        lost_leases=number("lost"),
        emitted_tokens=number("emitted"),
        worker=fields.get("worker"),
        requeued_from=fields.get("requeued_from"),
        requeued_as=fields.get("requeued_as"),
        follows=fields.get("leader"),
        text=outcome.text,
        finish_reason=outcome.finish_reason,
        error=outcome.error,
        usage=outcome.usage,
        timing=outcome.timing,
        vectors=outcome.vectors,
        asked=asked,
        is_cached="reused" in fields,
        digest=fields.get("same"),
        keep_seconds=float(fields["keep"]) / 1000 if "keep" in fields else None,
        made_by=outcome.made_by,
        batch_id=fields.get("batch"),
    )


def as_its_leader(job: Job, leader: Sequence[bytes | None]) -> Job:
    """A follower that waits, with `emitted`, `not_before` and `worker` of its leader's hash."""
    emitted, not_before, worker = leader
    return replace(
        job,
        emitted_tokens=int(emitted or 0),
        not_before=float(not_before) / 1000 if not_before else None,
        worker=worker.decode() if worker else None,
    )


def _used_by_then(fields: Mapping[str, Any]) -> Usage:
    """What the record alone knows, as `used_by_then` of the moves has it."""

    def number(name: str) -> int:
        return int(fields.get(name, 0))

    return Usage(
        prompt_tokens=number("prompt"),
        completion_tokens=number("emitted"),
        cached_tokens=number("cached"),
        wasted_tokens=number("wasted") + number("unsaved"),
        engine_seconds=number("engine") / 1e6,
    )


def _outcome(state: JobState, fields: Mapping[str, Any], out: bytes | None) -> Outcome:
    """What the last attempt left; an end that no worker described is put into words here."""
    used = _used_by_then(fields)
    if "code" in fields:
        end = UNATTENDED_ENDS[fields["code"]]
        error = AttemptError(code=end.code, message=end.message.format(lost=fields.get("lost", 0)))
        return Outcome(state=state, error=error, usage=used)
    last = unpack_outcome(out) if out else None
    if last and (last.state is state or not state.is_final):
        return last
    if last and fields["settled"] == fields["fence"]:  # the last attempt failed; then, or before, a cancel came
        return replace(last, state=state, finish_reason=None, error=None)
    return Outcome(state=state, usage=used)
