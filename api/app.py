"""Puts the pieces of an API process together."""

from __future__ import annotations

import hashlib
import os
import random
import secrets
import socket
import time
from collections.abc import Callable, Mapping
from functools import partial

import redis
from gevent import monkey  # type: ignore[import-untyped]

from api.addresses import refuse_at_literal_addresses
from api.api_keys import ApiKeys
from api.api_keys_blueprint import api_keys_blueprint
from api.auth import require_key
from api.batches.views import batch_views
from api.body_deadline import BodyDeadline
from api.cache_blueprint import cache_blueprint
from api.circuit_sources import AllCircuits, ModelCircuits
from api.circuits_blueprint import circuits_blueprint
from api.client_address import ClientAddress
from api.console.console import add_console
from api.console.door import door
from api.console.login import Login
from api.console.standing import Standing
from api.cors import add_cors
from api.dead_letters_blueprint import dead_letters_blueprint
from api.docs_blueprint import add_documentation
from api.error_handler import add_error_handler
from api.event_streams import EventStreams
from api.files.views import file_views
from api.following import Following
from api.foreground import Foreground
from api.health_blueprint import health_blueprint
from api.infer_blueprint import infer_blueprint
from api.job_streams import JobStreams
from api.job_views import describe
from api.jobs_blueprint import jobs_blueprint
from api.key_ring import KeyRing
from api.key_uses import FLUSH_SECONDS, KeyUses
from api.limited_requests import add_limits, charge_submission, tell_budget
from api.limiting import Limiting, make_limiting
from api.limits_blueprint import limits_blueprint
from api.long_poll import LongPoll
from api.measuring import make_measuring
from api.model_gate import ModelGate
from api.models_blueprint import models_blueprint
from api.openai_blueprint import openai_blueprint
from api.openapi import ProblemApi, spec_options
from api.process import ApiProcess
from api.queue_blueprint import queue_blueprint
from api.receiver_circuit_sources import EndpointCircuits, OriginCircuits, ReceiverWatch
from api.request_log import log_requests, note_callers
from api.request_times import add_request_times, note_wait
from api.request_trace import trace_requests
from api.requeues import Requeues
from api.responses import Responses
from api.responses_blueprint import responses_blueprint
from api.result_cache import known_results
from api.settings import ApiSettings
from api.stream_places import StreamPlaces
from api.submission import Submissions
from api.tenants_blueprint import tenants_blueprint
from api.usage_blueprint import usage_blueprint
from api.waiting import Waiting
from api.wakeups import Wakeups, subscriber_pool
from api.webhook_views import webhook_views
from jobs.access.key_text import KeyText
from jobs.access.store import KeyStore
from jobs.connection import connect
from jobs.ids import new_id
from jobs.log_key import find_log_key
from jobs.settings import StoreSettings
from jobs.store import JobStore
from jobs.tenants import TenantStore
from jobs.usage import UsageReader
from jobs.webhooks.endpoints import EndpointStore
from models.catalog import Catalog
from observability.metrics.shared_folder import VARIABLE as METRICS_FOLDER
from observability.tracing.tracing import open_tracing
from resilience.circuit.connecting import circuits_at
from resilience.failpoints import arm
from tasks.app import make_app
from tasks.dispatch import Dispatcher, Rounds

REDIS_CONNECTIONS = 5
"""Per process, and four more for limits: requests hold one only for a read or a move, never while they wait."""

PUBLISHERS = 2
"""To the broker, with two connections each; one more hears of changes, one asks for circuits, one for metrics: sixteen
in all."""


def create_app(
    env: Mapping[str, str] | None = None,
    *,
    clock: Callable[[], float] = time.time,
) -> ApiProcess:
    """The application for *env*, the process's environment by default; raises SettingError or CatalogError."""
    given = os.environ if env is None else env
    settings, store_settings = ApiSettings.from_env(given), StoreSettings.from_env(given)
    catalog = Catalog.load(settings.config)
    client = connect(settings.redis_url, max_connections=REDIS_CONNECTIONS)
    store = JobStore(client, store_settings)
    circuits = circuits_at(settings.redis_url, settings.circuits, connections=1, random=random.SystemRandom())
    gate = ModelGate(circuits)
    tracing = open_tracing(
        settings.tracing,
        service="frontier-api",
        instance=f"{socket.gethostname()}/{os.getpid()}",
        key=hashlib.sha256(settings.token.encode()).digest(),
    )
    dispatcher = Dispatcher(
        store, make_app(settings.redis_url, publishers=PUBLISHERS), circuits, publishing=tracing.publishing
    )

    app = ApiProcess(__name__, static_folder=None)
    app.store = store
    app.circuits = circuits
    app.wakeups = Wakeups(subscriber_pool(settings.redis_url))
    app.sweeps = dispatcher.sweep_rounds(
        lambda: store_settings.sweep_seconds * random.uniform(0.8, 1.2)  # noqa: S311 - no secret
    )
    key_store = KeyStore(client, store_settings)
    tenants = TenantStore(client, store_settings)
    app.key_uses = KeyUses(clock=time.monotonic, write=key_store.touch)
    app.key_rounds = Rounds("key-uses", app.key_uses.flush, lambda: FLUSH_SECONDS)
    ring = KeyRing(find=key_store.find, hasher=settings.hasher, clock=time.monotonic, note_use=app.key_uses.note)
    app.measuring = make_measuring(settings, catalog, gate, folder=given.get(METRICS_FOLDER))
    _put_in_front(app, settings)

    trace_requests(app, tracing)
    add_request_times(app, time.monotonic)
    app.measuring.watch_requests(app)
    log_requests(app, time.monotonic, new_id=partial(new_id, "req"), find_key=partial(find_log_key, client, store.keys))
    add_cors(app, settings.edge.cors_origins)
    limiting, login = _guard(app, settings, client, ring)
    add_error_handler(app)

    results = known_results(client, store, settings.cache, on_asked=app.measuring.cache_asked)
    poll = LongPoll(wakeups=app.wakeups, clock=time.monotonic, on_waited=note_wait)
    waiting = Waiting(store=store, poll=poll, on_served=results.served)
    following = Following(
        store=store,
        wakeups=app.wakeups,
        clock=time.monotonic,
        spread=lambda: random.uniform(0.8, 1.2),  # noqa: S311 - no secret
    )
    streams = EventStreams(
        places=StreamPlaces(per_key=settings.streams_per_key, per_process=settings.streams_per_process),
        has_ended=ring.has_ended,
        clock=time.monotonic,
        stream_seconds=settings.stream_seconds,
        stall_seconds=settings.stall_seconds,
        watch=app.measuring.watch_stream,
    )
    job_streams = JobStreams(
        store=store, following=following, streams=streams, document=lambda job: describe(store, job, gate)[0]
    )
    webhooks = webhook_views(
        client,
        settings=settings,
        store_settings=store_settings,
        clock=clock,
        is_ending=lambda: app.wakeups.is_draining,
    )
    files = file_views(
        client,
        settings=settings,
        store_settings=store_settings,
        clock=clock,
        vary=lambda: random.uniform(0.8, 1.2),  # noqa: S311 - no secret
    )
    app.file_rounds = files.rounds
    submissions = Submissions(
        store=store,
        dispatcher=dispatcher,
        catalog=catalog,
        find_known=results.reuse,
        take_webhook=webhooks.of_jobs.take,
        charge=charge_submission,
        tell_budget=tell_budget,
        new_id=new_id,
        draw_seed=partial(secrets.randbelow, 2**53),
        clock=clock,
        gate=gate,
        listeners=tracing.listeners,
        reach=arm(settings.failpoints),
    )
    foreground = Foreground(
        submissions=submissions,
        store=store,
        waiting=waiting,
        following=following,
        streams=streams,
        wait_seconds=settings.foreground_seconds,
    )
    responses = Responses(store=store, waiting=waiting, following=following, streams=streams, erase_job=results.erase)
    requeues = Requeues(
        store=store,
        dispatcher=dispatcher,
        catalog=catalog,
        new_id=new_id,
        gate=gate,
        charge=charge_submission,
        tell_budget=tell_budget,
    )
    usage = UsageReader(client)
    receivers = ReceiverWatch(client, store_settings)
    all_circuits = AllCircuits(
        ModelCircuits(circuits, catalog, dispatcher),
        EndpointCircuits(receivers, EndpointStore(client, store_settings)),
        OriginCircuits(receivers),
    )
    api = ProblemApi(app, spec_kwargs=spec_options())
    for blueprint in (
        infer_blueprint(submissions=submissions, store=store, waiting=waiting, job_streams=job_streams),
        openai_blueprint(foreground=foreground, store=store),
        responses_blueprint(foreground=foreground, responses=responses),
        files.blueprint,
        batch_views(
            client,
            settings=settings,
            store_settings=store_settings,
            files=files.store,
            storage=files.storage,
            poll=poll,
        ),
        jobs_blueprint(
            submissions=submissions,
            requeues=requeues,
            store=store,
            log=webhooks.log,
            waiting=waiting,
            job_streams=job_streams,
            erase=results.erase,
            catalog=catalog,
        ),
        dead_letters_blueprint(store=store, catalog=catalog),
        queue_blueprint(store=store, catalog=catalog, gate=gate),
        usage_blueprint(usage=usage, clock=clock),
        cache_blueprint(cache=results.cache, settings=settings.cache),
        limits_blueprint(limits=limiting.requests, tenants=tenants),
        circuits_blueprint(all_circuits),
        models_blueprint(
            catalog=catalog, created=int(settings.config.stat().st_mtime), store=store, dispatcher=dispatcher, gate=gate
        ),
        api_keys_blueprint(
            keys=ApiKeys(store=key_store, hasher=settings.hasher, draw=partial(KeyText.new, settings.key_env))
        ),
        tenants_blueprint(tenants=tenants),
        health_blueprint(store=store, catalog=catalog, gate=gate),
        *webhooks.blueprints,
        *app.measuring.blueprints(),
    ):
        api.register_blueprint(blueprint)
    add_console(
        app,
        login=login,
        submissions=submissions,
        requeues=requeues,
        store=store,
        log=webhooks.log,
        catalog=catalog,
        gate=gate,
        standing=Standing(
            store=store,
            catalog=catalog,
            gate=gate,
            usage=usage,
            circuits=all_circuits,
            log=webhooks.log,
            clock=clock,
        ),
    )
    add_documentation(app, api.spec)
    refuse_at_literal_addresses(app)
    return app


def _guard(app: ApiProcess, settings: ApiSettings, client: redis.Redis, ring: KeyRing) -> tuple[Limiting, Login | None]:
    """Have everybody say who asks, and none ask too often; what counts that, and what lets browsers in."""
    limiting = make_limiting(settings)
    entrance = door(client, settings, ring=ring, failures=limiting.failures)
    require_key(app, entrance.operator, ring, limiting.failures, entrance.browsers)
    note_callers(app)
    add_limits(app, limiting.requests)
    return limiting, entrance.login


def _put_in_front(app: ApiProcess, settings: ApiSettings) -> None:
    """How requests come to Flask: which it takes, and what looks at them before, the last first."""
    app.url_map.merge_slashes = False  # else an address with an empty part is redirected, in HTML
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    if monkey.is_module_patched("socket"):
        app.wsgi_app = BodyDeadline(app.wsgi_app, settings.body_seconds)  # type: ignore[method-assign]
    if settings.edge.trusted_proxies:
        app.wsgi_app = ClientAddress(app.wsgi_app, settings.edge.trusted_proxies)  # type: ignore[method-assign]
    app.measuring.open_port(app)
