"""Holds everything that Redis keeps of the record against the plain model, key by key."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import redis

from jobs.batches.ids import output_file_id
from jobs.job import JobState, Priority
from jobs.keys import Keys, idempotency_digest
from jobs.tenant_limits import NO_LIMITS
from tests.jobs.plain_flows import followers_of
from tests.jobs.plain_job import PlainJob
from tests.jobs.plain_model import PlainModel

KEYS = Keys()
NUMBERS_OF_USAGE = (
    "jobs",
    "prompt_tokens",
    "completion_tokens",
    "cached_tokens",
    "wasted_tokens",
    "engine_seconds",
)


class RecordCheck:
    """Compares sets, indexes and counters after any move; what only grows is remembered in between."""

    def __init__(
        self, client: redis.Redis, model: PlainModel, *, tenants: Iterable[str], models: Iterable[str]
    ) -> None:
        self._client = client
        self._model = model
        self._tenants = tuple(tenants)
        self._models = tuple(models)
        self._kept: dict[str, Any] = {}
        self._grown: dict[int, tuple[int, int]] = {}
        self._final: dict[int, Mapping[bytes, bytes]] = {}
        self._told: dict[str, list[tuple[str, str]]] = {}

    def check(self) -> None:
        self._kept = everything(self._client)
        jobs = list(self._model.jobs.values())
        self._check_times(jobs)
        self._check_followers(jobs)
        for tenant in self._tenants:
            of_tenant = [job for job in jobs if job.new.tenant == tenant]
            self._check_indexes(tenant, of_tenant)
            self._check_events(tenant, of_tenant)
        self._check_batches(jobs)
        self._check_usage()
        for model in self._models:
            self._check_places(model)
            self._check_counts(model)
        for worker in self._model.workers:
            name = KEYS.worker(worker)
            assert name not in self._kept or self._client.pttl(name) > 0, "names that never return leave nothing"
            assert self._members(f"{name}:jobs") == {job.ref for job in self._model.running_on(worker)}
        self._check_keys(jobs)
        self._check_growth(jobs)

    def _check_times(self, jobs: list[PlainJob]) -> None:
        """Watched exactly while not final, until somebody must look; to be retired exactly when final."""
        assert self._scores(KEYS.name("watch")) == {job.ref: job.due for job in jobs if not job.state.is_final}
        assert self._scores(KEYS.name("retire")) == {job.ref: job.retires for job in jobs if job.state.is_final}
        assert self._scores(KEYS.name("gone")) == self._model.gone

    def _check_indexes(self, tenant: str, jobs: list[PlainJob]) -> None:
        for state in JobState:
            lines = {job.new.id: job.sequence for job in jobs if job.state is state and job.new.line}
            indexed = self._scores(KEYS.tenant(tenant, "state", state.value))
            assert indexed == {job.new.id: job.sequence for job in jobs if job.state is state and not job.new.line}
            assert self._scores(KEYS.tenant(tenant, "lines", state.value)) == ({} if state.is_final else lines)
        dead = self._scores(KEYS.owned(tenant, "dead"))
        assert dead == {job.new.id: job.gave_up_at for job in jobs if job.is_dead_letter}

    def _check_batches(self, jobs: list[PlainJob]) -> None:
        """Each line is listed with its batch, and waits there once it has ended until it is committed."""
        for batch in self._model.batches.values():
            lines = [job for job in jobs if job.new.line and job.new.line.batch_id == batch.id]
            for state in JobState:
                indexed = self._scores(KEYS.jobs_by_state(batch.tenant, state, batch.id))
                assert indexed == {job.new.id: job.sequence for job in lines if job.state is state}
            assert self._scores(KEYS.of_batch(batch.tenant, batch.id, "ended")) == batch.ended
            assert int(self._fields(KEYS.tenant(batch.tenant, "batch", batch.id))["position"]) == batch.position
            uncommitted = {job.new.id for job in lines if not job.state.is_final} | batch.ended.keys()
            assert uncommitted <= {job.new.id for job in lines}, "what is not told yet is kept"
            assert len(uncommitted) + len(batch.committed) == len(uncommitted | {*batch.committed}) == batch.position

    def _check_followers(self, jobs: list[PlainJob]) -> None:
        """Each is where its leader is, and known to it."""
        for job in jobs:
            led = {one.new.id: one.sequence for one in followers_of(self._model.jobs, job)}
            assert self._scores(self._key(job, "followers")) == led
            assert not led or (not job.state.is_final and job.place != "following")
            assert all(one.state is job.state for one in followers_of(self._model.jobs, job))

    def _check_places(self, model: str) -> None:
        queue = self._model.queue_of(model)
        self._check_flows(model)
        window = {job.new.id: job.new.tenant for job in self._model.window_of(model)}
        assert self._fields(KEYS.model(model, "window")) == window
        assert self._members(KEYS.model(model, "running")) == {job.ref for job in self._model.running_of(model)}
        waiting: Counter[str] = Counter()
        for job in queue:
            waiting[f"{job.waits_as}/{job.new.tenant}"] += job.cost
        delayed = Counter(job.new.tenant for job in self._model.delayed_of(model))
        assert {name: int(count) for name, count in self._fields(KEYS.model(model, "delayed")).items()} == delayed
        counted = self._fields(KEYS.model(model, "waiting"))
        assert int(counted.pop("delayed", "0")) == len(self._model.delayed_of(model))
        assert int(counted.pop("tokens", "0")) == sum(job.cost for job in queue)
        assert int(counted.pop("jobs", "0")) == len(queue)
        by_class = {priority: int(counted.pop(priority, "0")) for priority in Priority}
        assert by_class == {priority: sum(job.waits_as is priority for job in queue) for priority in Priority}
        assert {name: int(tokens) for name, tokens in counted.items()} == waiting
        busy = [*self._model.window_of(model), *self._model.running_of(model)]
        interactive = {job.ref for job in busy if job.waits_as is Priority.INTERACTIVE}
        assert self._members(KEYS.model(model, "interactive")) == interactive

    def _check_counts(self, model: str) -> None:
        """What has happened is counted once, whoever has done it; dead letters are those there are."""
        counted = {name: int(count) for name, count in self._fields(KEYS.model(model, "counts")).items()}
        dead = sum(job.is_dead_letter for job in self._model.jobs.values() if job.model == model)
        assert Counter(counted) == self._model.counts[model] + Counter(dead=dead)

    def _check_flows(self, model: str) -> None:
        """Who waits in which order, and all that is remembered of flows: nothing more than matters."""
        flows = self._model.flows_of(model)
        active = flows.active()
        for priority in Priority:
            tags = {f"{priority}/{tenant}": tag for (one, tenant), tag in active.items() if one is priority}
            assert self._tags(KEYS.model(model, f"flows:{priority}")) == tags
        for priority, tenant in active:
            entries = [f"{job.sequence:012x}:{job.new.id}" for job in flows.waiting((priority, tenant))]
            assert list(self._scores(KEYS.model(model, f"queue:{priority}/{tenant}"))) == entries
        queues = {name for name in self._kept if name.startswith(KEYS.model(model, "queue"))}
        assert queues == {KEYS.model(model, f"queue:{priority}/{tenant}") for priority, tenant in active}
        names = {flow: f"{flow[0]}/{flow[1]}" for flow in flows.tags}
        idle = {names[flow]: tag for flow, tag in flows.tags.items() if flow not in active}
        assert self._tags(KEYS.model(model, "idle")) == idle
        floors = self._fields(KEYS.model(model, "floors"))
        assert {name: float(floor) for name, floor in floors.items()} == {
            names[flow]: floor for flow, floor in flows.floors.items()
        }
        assert float(self._client.get(KEYS.model(model, "clock")) or 0) == flows.clock

    def _check_keys(self, jobs: list[PlainJob]) -> None:
        """A tenant's keys are those of the jobs there are, and of nothing that is gone."""
        expected = set()
        for job in jobs:
            expected |= {self._key(job, kind) for kind in _parts(job)}
            batch = job.new.line.batch_id if job.new.line else None
            expected.add(KEYS.jobs_by_state(job.new.tenant, job.state, batch))
            if batch and not job.state.is_final:
                expected.add(KEYS.tenant(job.new.tenant, "lines", job.state.value))
            if job.new.idempotency_key:
                expected.add(KEYS.tenant(job.new.tenant, "idem", idempotency_digest(job.new.idempotency_key)))
            if job.is_dead_letter:
                expected.add(KEYS.owned(job.new.tenant, "dead"))
            if job.place == "following":
                expected.add(self._key(job.run, "followers"))
        expected |= self._keys_of_batches()
        expected |= {KEYS.tenant(tenant, "same", digest) for tenant, digest in self._model.leads}
        expected |= {key for tenant in self._tenants if (key := KEYS.owned(tenant, "events")) in self._kept}
        expected |= {KEYS.owned(tenant, f"usage:{day}") for tenant, day in self._model.used}
        kept = {key for key in self._kept if key.startswith(f"{KEYS.prefix}t:")}
        for tenant in self._tenants:
            if self._model.budgets.limits.get(tenant, NO_LIMITS).given():
                expected.add(KEYS.owned(tenant, "limits"))
            kept -= self._spent_by(tenant)
        assert kept == expected

    def _keys_of_batches(self) -> set[str]:
        expected = set()
        for batch in self._model.batches.values():
            expected |= {KEYS.tenant(batch.tenant, "batch", batch.id), KEYS.owned(batch.tenant, "batches")}
            expected |= {KEYS.tenant(batch.tenant, kind, "file-1") for kind in ("file", "uses")}
            expected |= {KEYS.owned(batch.tenant, kind) for kind in ("files", "filed")}
            if batch.ended:
                expected.add(KEYS.of_batch(batch.tenant, batch.id, "ended"))
            if batch.parts:
                expected.add(KEYS.tenant(batch.tenant, "parts", output_file_id(batch.id, "output")))
        return expected

    def _spent_by(self, tenant: str) -> set[str]:
        """The keys of a tenant's budgets; those that still count hold what they should."""
        spent = {key for key in self._kept if key.startswith(KEYS.owned(tenant, "spent"))}
        for (whose, budget, bucket), tokens in self._model.budgets.counting(self._model.now).items():
            if whose == tenant:
                assert int(self._client.get(KEYS.tenant(tenant, "spent", f"{budget}:{bucket}")) or 0) == tokens
        assert all(self._client.pttl(key) > 0 for key in spent), "what was spent is forgotten"
        return spent

    def _check_usage(self) -> None:
        """What is counted is what the jobs have said of themselves at their ends, whether they still exist or not."""
        kept = {key for key in self._kept if re.search(r":usage:\d+$", key)}
        assert kept == {KEYS.owned(tenant, f"usage:{day}") for tenant, day in self._model.used}
        for (tenant, day), used in self._model.used.items():
            told = self._fields(KEYS.owned(tenant, f"usage:{day}"))
            assert {
                (kind, name): int(number)
                for kind, numbers in told.items()
                for name, number in zip(NUMBERS_OF_USAGE, numbers.split(), strict=True)
            } == used
        last = {tenant: max(day for name, day in self._model.used if name == tenant) for tenant, _ in self._model.used}
        assert self._scores(KEYS.name("used")) == last

    def _check_events(self, tenant: str, jobs: list[PlainJob]) -> None:
        """Every end is told of once, and stays told when the job is gone."""
        entries = self._kept.get(KEYS.owned(tenant, "events"), [])
        told = [(fields[b"subject"].decode(), fields[b"type"].decode()) for _, fields in entries]
        assert len({subject for subject, _ in told}) == len(told)
        known = self._told.setdefault(tenant, [])
        assert told[: len(known)] == known
        self._told[tenant] = told
        ends = {job.new.id: f"job.{job.state.value}" for job in jobs if job.state.is_final and not job.new.line}
        assert not dict(told).keys() & {job.new.id for job in jobs if job.new.line}
        assert ends.items() <= dict(told).items()
        assert not dict(told).keys() & {job.new.id for job in jobs if not job.state.is_final}

    def _check_growth(self, jobs: list[PlainJob]) -> None:
        """Versions and tokens of leases only grow, and of a final job a requeue alone changes anything."""
        for job in jobs:
            record = self._kept[self._key(job, "job")]
            version, token = int(record[b"version"]), int(record.get(b"fence", 0))
            version_before, token_before = self._grown.get(job.sequence, (0, 0))
            assert version >= version_before
            assert token == job.token >= token_before
            self._grown[job.sequence] = version, token
            assert (record.get(b"place") or b"").decode() == (job.place or "")
            assert int(record.get(b"charged", -1)) == (-1 if job.charged is None else job.charged)
            assert float(record.get(b"paid", -1)) == (-1 if job.paid is None else job.paid)
            if job.state.is_final:
                before = self._final.setdefault(job.sequence, record)
                requeued = {name: record[name] for name in (b"requeued_as", b"version")} if job.requeued_as else {}
                assert {**before, **requeued} == record

    @staticmethod
    def _key(job: PlainJob, kind: str) -> str:
        return KEYS.tenant(job.new.tenant, kind, job.new.id)

    def _scores(self, key: str) -> dict[str, int]:
        return {member.decode(): int(score) for member, score in self._kept.get(key, ())}

    def _tags(self, key: str) -> dict[str, float]:
        return {member.decode(): score for member, score in self._kept.get(key, ())}

    def _fields(self, key: str) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in self._kept.get(key, {}).items()}

    def _members(self, key: str) -> set[str]:
        return {member.decode() for member in self._kept.get(key, ())}


def everything(client: redis.Redis) -> dict[str, Any]:
    """All keys under the prefix with what they hold; sorted sets as pairs of member and score."""
    keys: Any = client.keys(f"{KEYS.prefix}*")
    with client.pipeline(transaction=False) as pipeline:
        for key in keys:
            pipeline.type(key)
        kinds = pipeline.execute()
        readers: dict[bytes, Callable[[bytes], Any]] = {
            b"hash": pipeline.hgetall,
            b"set": pipeline.smembers,
            b"zset": lambda key: pipeline.zrange(key, 0, -1, withscores=True),
            b"list": pipeline.llen,
            b"stream": pipeline.xrange,
            b"string": pipeline.strlen,
        }
        for key, kind in zip(keys, kinds, strict=True):
            readers[kind](key)
        return {key.decode(): held for key, held in zip(keys, pipeline.execute(), strict=True)}


def _parts(job: PlainJob) -> set[str]:
    """The kinds of keys that hold a job."""
    kinds = {"job", "spec"}
    if job.tokens:
        kinds.add("log" if job.has_packed_log else "tokens")
    if job.outcome:
        kinds.add("out")
    return kinds
