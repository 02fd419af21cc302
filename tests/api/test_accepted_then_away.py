"""What was accepted is not refused because the store goes away before the answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from flask.testing import FlaskClient

from api.auth import NoBrowsers, OperatorKey, require_key
from api.error_handler import add_error_handler
from api.event_streams import EventStreams
from api.following import Following
from api.infer_blueprint import infer_blueprint
from api.job_document import job_document
from api.job_streams import JobStreams
from api.jobs_blueprint import jobs_blueprint
from api.key_ring import KeyRing
from api.limit_settings import LimitSettings
from api.limited_requests import add_limits
from api.limiting import make_limiting
from api.long_poll import LongPoll
from api.model_gate import ModelGate
from api.openapi import ProblemApi, spec_options
from api.process import ApiProcess
from api.requeues import Requeues
from api.settings import ApiSettings
from api.stream_places import StreamPlaces
from api.submission import Submissions
from api.waiting import Waiting
from api.wakeups import Wakeups, subscriber_pool
from jobs.access.hashing import KeyHasher
from jobs.access.store import KeyStore
from jobs.connection import connect
from jobs.ids import new_id
from jobs.job import JobState
from jobs.store import JobStore
from jobs.webhooks.log import DeliveryLog
from models.catalog import Catalog
from resilience.circuit.circuits import Circuits
from scripts.ports import free_port
from tasks.app import make_app
from tasks.dispatch import Dispatcher
from tests.api.conftest import TOKEN

BODY = {"input": {"prompt": "Hark!"}, "metadata": {"order": "42"}}


@pytest.fixture
def client(store: JobStore, redis_url: str, catalog_file: Path) -> Iterator[FlaskClient]:
    """An API that accepts into one server, and finds nobody at home when it reads back."""
    away = f"redis://127.0.0.1:{free_port()}/0"
    gone = JobStore(connect(away))
    wakeups = Wakeups(subscriber_pool(away))
    catalog = Catalog.load(catalog_file)
    dispatcher = Dispatcher(store, make_app(redis_url))
    gate = ModelGate(Circuits(connect(redis_url), random=Random()))
    submissions = Submissions(
        store=store,
        dispatcher=dispatcher,
        catalog=catalog,
        new_id=new_id,
        draw_seed=lambda: 7,
        clock=lambda: 1_795_384_800.0,
        gate=gate,
    )
    waiting = Waiting(store=gone, poll=LongPoll(wakeups=wakeups, clock=lambda: 0.0))
    following = Following(store=gone, wakeups=wakeups, clock=lambda: 0.0, spread=lambda: 1.0)
    streams = EventStreams(
        places=StreamPlaces(per_key=4, per_process=4),
        has_ended=lambda _: False,
        clock=lambda: 0.0,
        stream_seconds=60,
        stall_seconds=60,
    )
    job_streams = JobStreams(store=gone, following=following, streams=streams, document=job_document)
    app = ApiProcess(__name__, static_folder=None)
    add_error_handler(app)
    limiting = make_limiting(ApiSettings(token=TOKEN, limits=LimitSettings(per_window=None, failures=None)))
    ring = KeyRing(find=KeyStore(connect(away)).find, hasher=KeyHasher(), clock=lambda: 0.0, note_use=lambda _: None)
    require_key(app, OperatorKey(TOKEN), ring, limiting.failures, NoBrowsers())
    add_limits(app, limiting.requests)
    api = ProblemApi(app, spec_kwargs=spec_options())
    requeues = Requeues(store=gone, dispatcher=dispatcher, catalog=catalog, new_id=new_id, gate=gate)
    api.register_blueprint(
        jobs_blueprint(
            submissions=submissions,
            requeues=requeues,
            store=gone,
            log=DeliveryLog(connect(away)),
            waiting=waiting,
            erase=store.erase,
            job_streams=job_streams,
            catalog=catalog,
        )
    )
    api.register_blueprint(
        infer_blueprint(submissions=submissions, store=gone, waiting=waiting, job_streams=job_streams)
    )
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {TOKEN}"
    yield client
    wakeups.close()


@pytest.mark.parametrize("prefer", ["respond-async", "wait=60"])
@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/infer"])
def test_a_recorded_job_is_answered_202_though_it_cannot_be_read_back(
    client: FlaskClient, store: JobStore, path: str, prefer: str
) -> None:
    body = BODY if path == "/v1/jobs" else {"prompt": "Hark!"}

    response = client.post(path, json=body, headers={"Prefer": prefer})

    assert response.status_code == 202
    assert response.json is not None
    assert response.json["status"] == "queued"
    assert store.find("default", response.json["id"]).state is JobState.QUEUED
    assert response.headers["Location"] == f"/v1/jobs/{response.json['id']}"
    assert response.headers["ETag"] == 'W/"1"'
    assert int(response.headers["Retry-After"]) >= 1


def test_of_a_repeated_submit_nothing_is_told_that_is_not_known(client: FlaskClient) -> None:
    first, again = (client.post("/v1/jobs", json=BODY, headers={"Idempotency-Key": "k"}) for _ in range(2))

    assert first.status_code == 202
    assert (again.status_code, again.headers["Retry-After"]) == (503, "5")
