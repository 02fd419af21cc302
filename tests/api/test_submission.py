from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest

from api.asked_job import Submission
from api.errors import UrlRefused
from api.job_webhooks import AskedWebhook
from api.model_gate import ModelGate
from api.submission import Submissions
from jobs.connection import connect
from jobs.errors import IdempotencyMismatch
from jobs.ids import new_id
from jobs.request import RequestType
from jobs.store import JobStore
from jobs.webhooks.webhook import JobWebhook
from models.catalog import Catalog
from resilience.circuit.circuits import Circuits
from resilience.failpoints import Failpoint
from tasks.app import make_app
from tasks.dispatch import Dispatcher
from tests.api.conftest import Worker


@pytest.fixture
def make_submissions(store: JobStore, redis_url: str, catalog_file: Path) -> Any:
    def make(**parts: Any) -> Submissions:
        return Submissions(
            store=store,
            dispatcher=Dispatcher(store, make_app(redis_url)),
            catalog=Catalog.load(catalog_file),
            new_id=new_id,
            draw_seed=lambda: 7,
            clock=lambda: 1_795_384_800.0,
            gate=ModelGate(Circuits(connect(redis_url), random=Random())),
            **parts,
        )

    return make


def test_a_submit_passes_each_failpoint_where_its_name_says(
    store: JobStore, worker: Worker, make_submissions: Any
) -> None:
    passed: list[tuple[Failpoint, int, int]] = []

    def reach(place: Failpoint) -> None:
        queue = store.queue("poet", "default")
        passed.append((place, queue.waiting, queue.dispatched))

    worker.join()
    submissions = make_submissions(reach=reach)
    submissions.submit(Submission(type=RequestType.COMPLETION, fingerprint="f", prompt="Hark!"), tenant="default")
    assert passed == [
        (Failpoint.API_BEFORE_RECORD, 0, 0),
        (Failpoint.API_AFTER_RECORD, 1, 0),
        (Failpoint.API_AFTER_DISPATCH, 0, 1),
    ]


def test_a_repeated_submit_finds_its_job_though_the_receiver_s_name_is_unknown_by_then(make_submissions: Any) -> None:
    asked = AskedWebhook(url="https://a.example.org/x", events=("job.failed",), include_result=False)

    def known(given: AskedWebhook, _tenant: str) -> JobWebhook:
        return JobWebhook(url=given.url, origin="https://a.example.org", events=given.events)

    def unknown(_given: AskedWebhook, _tenant: str) -> JobWebhook:
        raise UrlRefused("no")

    def submit(take: Any, fingerprint: str) -> Any:
        submission = Submission(type=RequestType.COMPLETION, fingerprint=fingerprint, prompt="Hark!", webhook=asked)
        return make_submissions(take_webhook=take).submit(submission, tenant="default", idempotency_key="k")

    first = submit(known, "f")
    again = submit(unknown, "f")
    assert (again.job_id, again.replayed) == (first.job_id, True)
    with pytest.raises(IdempotencyMismatch):
        submit(unknown, "g")
