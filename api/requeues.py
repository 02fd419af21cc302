"""Tries jobs again that ended without a result."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from api.errors import UnknownModel
from api.model_gate import ModelGate
from api.submission import unlimited, untold
from jobs.answers import Accepted
from jobs.errors import JobNotFound, JobRetired
from jobs.job import Job
from jobs.store import JobStore
from models.catalog import Catalog
from tasks.dispatch import Dispatcher

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Requeues:
    """Makes a new job of an old one, within the limits of a submit; a repeat costs nothing."""

    store: JobStore
    dispatcher: Dispatcher
    catalog: Catalog
    gate: ModelGate
    new_id: Callable[[str], str]
    charge: Callable[[], object] = unlimited
    tell_budget: Callable[[Accepted], object] = untold

    def requeue(self, tenant: str, job_id: str, *, key_id: str) -> Accepted:
        """Record the new job, or find the one that an earlier requeue has made, and let it start.

        It belongs to the API key `key_id`.
        Raises what `JobStore.requeue` does, RateLimited, CircuitOpen, and UnknownModel if the job's model is no longer
        configured.
        """
        old = self.store.find(tenant, job_id)
        name = old.request.model
        model = self.catalog.models.get(name)
        if model is None:
            raise UnknownModel(f"The job's model {name!r} is no longer configured.")
        if not self._is_repeat(old):
            self.charge()
        new_id = self.new_id(job_id.partition("_")[0])
        with self.gate.at(name) as takes_new:
            made = self.store.requeue(
                tenant,
                job_id,
                new_id=new_id,
                key_id=key_id,
                max_waiting=model.limits.max_waiting,
                max_waiting_per_tenant=model.limits.max_waiting_per_tenant,
                takes_new=takes_new,
            )
        self.tell_budget(made)
        if not made.replayed:
            self.dispatcher.dispatch(name)
        log.info("job_requeued", extra={"job_id": made.job_id, "requeued_from": job_id, "replayed": made.replayed})
        return made

    def _is_repeat(self, old: Job) -> bool:
        """Whether there is the job that an earlier requeue has made."""
        try:
            return old.requeued_as is not None and bool(self.store.find(old.tenant, old.requeued_as))
        except (JobNotFound, JobRetired):
            return False
