"""The names of everything Frontier keeps in Redis.

Under a tenant (what a client could ask for):
  t:{tenant}:job:{id}      hash     short fields of the record, written by the moves alone
  t:{tenant}:spec:{id}     string   the packed request and metadata
  t:{tenant}:tokens:{id}   list     packed pieces of the token log, until a worker finishes the job
  t:{tenant}:log:{id}      string   the packed token log of a job that a worker finished
  t:{tenant}:out:{id}      string   the packed outcome: text, usage, timing, error
  t:{tenant}:idem:{hash}   string   fingerprint and job id of an idempotency key
  t:{tenant}:batch_idem:{hash} string  the same of one that makes a batch
  t:{tenant}:same:{digest} string   id of the job whose run equal ones wait for
  t:{tenant}:followers:{id} zset    ids of the jobs that wait for the run of this one, by accept order
  t:{tenant}:fore:{hash}   zset     jobs by the fingerprint of the request that waits for an answer, while none arrived
  t:{tenant}:state:{state} zset     ids of jobs that are no lines of a batch, by accept order
  t:{tenant}:lines:{state} zset     ids of the queued or running lines of all its batches, by accept order
  t:{tenant}:batches       zset     ids of its batches by when they were made, ms
  t:{tenant}:batch:{id}    hash     a batch, written by the moves alone
  t:{tenant}:b:{batch}:state:{state} zset  ids of the batch's lines that are jobs, by accept order
  t:{tenant}:b:{batch}:ended   zset     ids of its lines that have ended and are in no committed part, by when, ms
  t:{tenant}:b:{batch}:passed  hash     id of such a line that was no job, to why, in words of the runner
  t:{tenant}:dead          zset     ids of jobs that gave up and were not requeued, by the time they gave up, ms
  t:{tenant}:hook:{id}     string   JSON: a job's own webhook
  t:{tenant}:events        stream   events, oldest first: type, subject, detail
  t:{tenant}:usage:{day}   hash     what its jobs that ended on a day, since 1970 in UTC, have used (lua/_usage.lua)
  t:{tenant}:sent:{id}     set      deliveries of events about a job or an endpoint
  t:{tenant}:dlv:{id}      hash     short fields of a delivery, written by the moves alone
  t:{tenant}:letter:{id}   string   what a delivery sends: the URL (empty for an endpoint's own), a line feed, the body
  t:{tenant}:tries:{id}    list     packed log of a delivery's attempts
  t:{tenant}:deliveries    zset     deliveries by the time they were made, ms
  t:{tenant}:undelivered   zset     those that failed for good, by the time they were made, ms
  t:{tenant}:endpoints     zset     standing endpoints by the time they were made, ms
  t:{tenant}:endpoint:{id} hash     a standing endpoint
  t:{tenant}:secrets:{id}  string   JSON: sealed secrets of an endpoint, or of the tenant as `default`, newest first
  t:{tenant}:file:{id}     hash     a file
  t:{tenant}:parts:{id}    list     of a file whose bytes lie in parts, each as bytes, name there and, of a
                                    batch's output, lines, with spaces between
  t:{tenant}:uses:{id}     set      ids of the batches that have not ended and read a file, which is kept for them
  t:{tenant}:files         zset     ids of its files by when they were made, ms
  t:{tenant}:filed         string   how many bytes they have in all
  t:{tenant}:keys          zset     ids of its API keys by when they were made, ms
  t:{tenant}:limits        hash     its own limits by name; a field that is absent is for what all tenants have
  t:{tenant}:spent:{budget}:{bucket} string  tokens charged in one minute or day, while that counts
  t:{tenant}:due:{receiver}      zset   deliveries that wait for a receiver, by when they are due, ms
  t:{tenant}:flying:{receiver}   set    deliveries to it that are announced or under way
  t:{tenant}:receiver:{receiver} hash   its rate, its pace, and since when it has failed

Global (members are refs, `tenant/id`; no client names them):
  watch                    zset     every job that is not final, by when someone must look at it next
  retire                   zset     every final job, by when it is to be erased
  gone                     zset     jobs erased by retirement, by when even that is forgotten
  seq                      counter  accept order
  tick                     string   when the last sweep ran, ms
  limited                  set      tenants with limits of their own
  used                     zset     tenants, by the last day on which a job of theirs ended
  models                   set      models that have ever had a job or a worker
  m:{model}:queue:{flow}   zset     a flow's waiting jobs, `sequence:id`, by when they expire; a flow is `class/tenant`
  m:{model}:flows:{class}  zset     flows where jobs wait, by their tag, a virtual time
  m:{model}:idle           zset     flows where none waits and that are ahead of the clock, by their tag
  m:{model}:floors         hash     flow to what the clock was when it joined
  m:{model}:clock          string   the model's virtual time
  m:{model}:waiting        hash     jobs and tokens that wait; jobs by class, tokens by flow; how many jobs are delayed
  m:{model}:delayed        hash     tenant to how many of its jobs are delayed; absent while none is
  m:{model}:queue          zset     where releases without flows let jobs wait, by accept order
  m:{model}:window         hash     job id to tenant of the jobs that are in the broker
  m:{model}:running        set      running jobs
  m:{model}:interactive    set      interactive jobs in the window or running
  m:{model}:reserved       string   slots that only interactive jobs enter; absent for none
  m:{model}:pace           hash     moving averages of a job's time on a slot, ms, and of its estimated cost
  m:{model}:mode           hash     mode (paused or draining) and since when, ms; absent while the model runs
  m:{model}:revision       string   of the model, as the worker has loaded it that spoke last; absent if it does not say
  m:{model}:workers        zset     workers by when their heartbeat runs out
  m:{model}:slots          hash     worker to its slots
  m:{model}:counts         hash     jobs that ended, by their state; leases lost, jobs rescued, messages published again
                                    (leases_lost, rescued, stranded); and how many dead letters there are now (dead)
  hooks                    zset     receivers (refs) for which something waits, by when someone must look there, ms
  flights                  zset     announced and flying deliveries (refs), by when they come back, ms
  pending                  string   how many deliveries are not over
  forget                   zset     every delivery, by when it is forgotten, ms
  senders                  zset     senders by when their heartbeat runs out, ms
  s:{sender}               hash     who the sender is, and its slots
  s:{sender}:flights       set      deliveries that the sender holds
  key:{id}                 hash     an API key: whose, for what, until when, how often, and the hash of its secret
  keys                     zset     ids of all API keys by when they were made, ms
  ended_keys               zset     those that end or have ended, by when, ms; forgotten a while later
  session:{hash}           string   when a browser's session ends at the latest, ms; gone when it is idle for too long
  invitation:{hash}        string   nothing: what begins one session may still be redeemed
  files_due                zset     files (refs), also those that come in, by when their bytes are to be deleted, ms
  w:{worker}               hash     who the worker is, and how busy it has said to be
  w:{worker}:jobs          set      jobs that the worker runs
  cache:…                           kept results (resilience/result_cache/lua/_entries.lua); erase deletes entries
  batches                  zset     every batch (ref) that has not ended, by when somebody must look who runs it, ms
  ended_batches            zset     those that have, by when they are forgotten, ms
  log_key                  string   under which the log hashes the names of tenants (jobs/log_key.py)
  limit:…                           windows of requests keep their own (resilience/rate_limit/take.lua)
  circuit:…                         circuits keep their own (jobs/lua/_circuit.lua)
  circuit:receiver:…                so do those of receivers, each under its ref
Channels:
  t:{tenant}:wake:{id}     something about the job, or the batch, has changed
  c:{worker}               a job's ref: look at its signals now
  batches                  a batch's ref: it is new, a line of it has ended, it is to be cancelled, or it has ended
  outbox                   deliveries were written that are due
"""

from __future__ import annotations

import hashlib

DEFAULT_PREFIX = "frontier:"


class Keys:
    """Builds key names under one prefix."""

    def __init__(self, prefix: str = DEFAULT_PREFIX) -> None:
        self.prefix = prefix

    def tenant(self, tenant: str, kind: str, name: str) -> str:
        """A key that belongs to a tenant: `kind` is one of those above that end in a name."""
        return f"{self.prefix}t:{tenant}:{kind}:{name}"

    def owned(self, tenant: str, kind: str) -> str:
        """A key of which a tenant has one, such as dead, events, deliveries, endpoints, files, keys or limits."""
        return f"{self.prefix}t:{tenant}:{kind}"

    def jobs_by_state(self, tenant: str, state: str, batch: str | None = None) -> str:
        """The index of a tenant's jobs in a state, or of the lines of one of its batches."""
        return self.tenant(tenant, "state", state) if batch is None else self.of_batch(tenant, batch, f"state:{state}")

    def of_batch(self, tenant: str, batch_id: str, kind: str) -> str:
        """A key of a batch's lines: `kind` is one of those above."""
        return f"{self.prefix}t:{tenant}:b:{batch_id}:{kind}"

    def model(self, model: str, kind: str) -> str:
        """A key of one model: `kind` is one of those above."""
        return f"{self.prefix}m:{model}:{kind}"

    def circuit_of_receiver(self, tenant: str, receiver: str) -> str:
        """The hash of a receiver's circuit."""
        return f"{self.prefix}circuit:receiver:state:{ref(tenant, receiver)}"

    def api_key(self, key_id: str) -> str:
        """The hash of an API key."""
        return f"{self.prefix}key:{key_id}"

    def worker(self, worker: str) -> str:
        """The hash that says who a worker is."""
        return f"{self.prefix}w:{worker}"

    def control(self, worker: str) -> str:
        """The channel on which a worker hears of cancels."""
        return f"{self.prefix}c:{worker}"

    def name(self, name: str) -> str:
        """A global key or channel, such as watch, seq, senders, keys or outbox."""
        return self.prefix + name


def ref(tenant: str, job_id: str) -> str:
    """How global structures name a job."""
    return f"{tenant}/{job_id}"


def idempotency_digest(key: str) -> str:
    """A short name for a client's idempotency key of any length."""
    return hashlib.sha256(key.encode()).hexdigest()[:32]
