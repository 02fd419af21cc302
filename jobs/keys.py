"""The names of everything Frontier keeps in Redis.

Under a tenant (what a client could ask for):
  t:{tenant}:job:{id}      hash     short fields of the record, written by the moves alone
  t:{tenant}:spec:{id}     string   the packed request and metadata
  t:{tenant}:tokens:{id}   list     packed pieces of the token log, until a worker finishes the job
  t:{tenant}:log:{id}      string   the packed token log of a job that a worker finished
  t:{tenant}:out:{id}      string   the packed outcome: text, usage, timing, error
  t:{tenant}:idem:{hash}   string   fingerprint and job id of an idempotency key
  t:{tenant}:state:{state} zset     job ids by accept order
  t:{tenant}:dead          zset     ids of jobs that gave up and were not requeued, by the time they gave up, ms

Global (members are refs, `tenant/id`; no client names them):
  watch                    zset     every job that is not final, by when someone must look at it next
  retire                   zset     every final job, by when it is to be erased
  gone                     zset     jobs erased by retirement, by when even that is forgotten
  seq                      counter  accept order
  tick                     string   when the last sweep ran, ms
  models                   set      models that have ever had a job or a worker
  m:{model}:queue          zset     waiting jobs by accept order
  m:{model}:waiting        hash     tokens and, per tenant, jobs in that queue; how many are delayed
  m:{model}:window         hash     job id to tenant of the jobs that are in the broker
  m:{model}:running        set      running jobs
  m:{model}:pace           hash     moving average of a job's time on a slot, ms
  m:{model}:mode           hash     mode (paused or draining) and since when, ms; absent while the model runs
  m:{model}:workers        zset     workers by when their heartbeat runs out
  m:{model}:slots          hash     worker to its slots
  w:{worker}               hash     who the worker is
  w:{worker}:jobs          set      jobs that the worker runs
Channels:
  t:{tenant}:wake:{id}     something about the job has changed
  c:{worker}               a job's ref: look at its signals now
"""

from __future__ import annotations

import hashlib

DEFAULT_PREFIX = "frontier:"


class Keys:
    """Builds key names under one prefix."""

    def __init__(self, prefix: str = DEFAULT_PREFIX) -> None:
        self.prefix = prefix

    def tenant(self, tenant: str, kind: str, name: str) -> str:
        """A key that belongs to a tenant: `kind` is one of job, spec, tokens, log, out, state, wake, idem."""
        return f"{self.prefix}t:{tenant}:{kind}:{name}"

    def owned(self, tenant: str, kind: str) -> str:
        """A key of which a tenant has one: `kind` is dead."""
        return f"{self.prefix}t:{tenant}:{kind}"

    def model(self, model: str, kind: str) -> str:
        """A key of one model: `kind` is one of queue, waiting, window, running, pace, mode, workers, slots."""
        return f"{self.prefix}m:{model}:{kind}"

    def worker(self, worker: str) -> str:
        """The hash that says who a worker is."""
        return f"{self.prefix}w:{worker}"

    def control(self, worker: str) -> str:
        """The channel on which a worker hears of cancels."""
        return f"{self.prefix}c:{worker}"

    def name(self, name: str) -> str:
        """A global key: watch, retire, gone, seq, tick or models."""
        return self.prefix + name


def ref(tenant: str, job_id: str) -> str:
    """How global structures name a job."""
    return f"{tenant}/{job_id}"


def idempotency_digest(key: str) -> str:
    """A short name for a client's idempotency key of any length."""
    return hashlib.sha256(key.encode()).hexdigest()[:32]
