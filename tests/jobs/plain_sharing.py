"""One run for many jobs, in plain Python: what followers do when something happens to their leader."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from jobs.job import JobState, Outcome, Usage
from tests.jobs.plain_flows import RANKS, followers_of
from tests.jobs.plain_job import PlainJob

if TYPE_CHECKING:
    from tests.jobs.plain_record import PlainRecord

MOST_FOLLOWERS = 64
LOOKED_AT_EVERY = 30_000


@dataclass(frozen=True)
class Told:
    """What a worker says of the end of a run."""

    outcome: Outcome
    log: list[tuple[int, str]]
    gave_up: bool


def find_leader(record: PlainRecord, tenant: str, digest: str | None) -> PlainJob | None:
    """The job whose run a new one with this digest would wait for."""
    leader = record.jobs.get(f"{tenant}/{record.leads.get((tenant, digest or ''))}")
    if not leader or leader.state.is_final or leader.cancel_asked or leader.place == "following":
        return None
    is_full = len(followers_of(record.jobs, leader)) >= MOST_FOLLOWERS
    return None if is_full or record.now >= leader.deadline else leader


def follow(record: PlainRecord, job: PlainJob, leader: PlainJob) -> None:
    """A new job waits for the run of another one."""
    job.place, job.leader = "following", leader
    _go_with(record, job, leader)
    if leader.place != "queue":
        return
    if RANKS.index(job.new.priority) < RANKS.index(leader.waits_as):
        flows = record.flows_of(leader.model)
        leader.place = None
        flows.tidy()
        flows.join(leader)
    else:
        leader.turn = min(leader.turn, job.expires)


def go_along(record: PlainRecord, leader: PlainJob) -> None:
    """Followers start and wait again as their leader does."""
    for job in followers_of(record.jobs, leader):
        _go_with(record, job, leader)


def look_again(record: PlainRecord, job: PlainJob) -> None:
    """Somebody looks at a follower now and then."""
    job.publish_again_at = record.now + LOOKED_AT_EVERY


def _go_with(record: PlainRecord, job: PlainJob, leader: PlainJob) -> None:
    job.state, job.attempt = leader.state, leader.attempt
    if leader.is_running and job.started is None:
        job.started = record.now
    look_again(record, job)


def ended(record: PlainRecord, leader: PlainJob, told: Told | None) -> None:
    """A leader has ended: so do those for whom the same holds, and the first of the others leads these on."""
    left = []
    for job in followers_of(record.jobs, leader):
        if _ends_alike(job, leader, told):
            job.failures, job.lost = leader.failures, leader.lost
            job.code = leader.code
            job.gave_up_at = record.now if leader.code or (told and told.gave_up) else None
            if told:
                job.outcome = replace(told.outcome, usage=_shared_usage(told.outcome.usage))
            record.end(job, leader.state, 0, told)
        else:
            left.append(job)
    name = leader.new.tenant, leader.new.run_digest or ""
    is_named = record.leads.get(name) == leader.new.id
    if left:
        heir = left[0]
        if is_named or name not in record.leads:
            record.leads[name] = heir.new.id
        heir.leader, heir.state = None, JobState.QUEUED
        heir.tokens = list(leader.tokens)
        heir.failures, heir.lost = leader.failures, leader.lost
        for job in left[1:]:
            job.leader = heir
            heir.has_reader = heir.has_reader or job.has_reader
        heir.place = None
        go_along(record, heir)
        record.flows_of(heir.model).join(heir)
    elif is_named:
        del record.leads[name]


def _ends_alike(job: PlainJob, leader: PlainJob, told: Told | None) -> bool:
    if leader.code:
        return leader.code == "worker_lost"
    if not told or told.outcome.state is not leader.state:
        return False
    if leader.state is JobState.FAILED:
        within = job.new.timeout_seconds <= leader.new.timeout_seconds
        return job.new.max_attempts <= leader.failures if told.gave_up else within
    return leader.state is JobState.SUCCEEDED


def _shared_usage(usage: Usage) -> Usage:
    return Usage(
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        cached_tokens=usage.prompt_tokens + usage.completion_tokens,
    )
