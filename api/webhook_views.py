"""Puts together what the API has of webhooks."""

from __future__ import annotations

import secrets as random_source
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import redis

from api.blueprint import Blueprint
from api.deliveries_blueprint import deliveries_blueprint
from api.endpoint_tests import EndpointTests
from api.events_blueprint import events_blueprint
from api.job_webhooks import JobWebhooks
from api.request_times import hold_request
from api.settings import ApiSettings
from api.webhook_endpoints import Endpoints
from api.webhook_endpoints_blueprint import webhook_endpoints_blueprint
from api.webhook_secret_blueprint import webhook_secret_blueprint
from api.webhook_secrets import WebhookSecrets
from api.webhook_urls import WebhookUrls
from jobs.ids import new_id
from jobs.settings import StoreSettings
from jobs.webhooks.endpoints import EndpointStore
from jobs.webhooks.event_list import EventList
from jobs.webhooks.log import DeliveryLog
from jobs.webhooks.secrets_store import SecretStore
from resilience.egress.guard import EgressGuard


@dataclass(frozen=True, kw_only=True)
class WebhookViews:
    """What submissions need of webhooks, the log, and the views that are about nothing else."""

    of_jobs: JobWebhooks
    log: DeliveryLog
    blueprints: tuple[Blueprint, ...]


def webhook_views(
    client: redis.Redis,
    *,
    settings: ApiSettings,
    store_settings: StoreSettings,
    clock: Callable[[], float],
    is_ending: Callable[[], bool],
) -> WebhookViews:
    """All of it over one client of Redis; `clock` gives Unix seconds."""
    urls = WebhookUrls(guard=EgressGuard(settings.egress))
    secrets = WebhookSecrets(
        store=SecretStore(client, store_settings), sealer=settings.sealer, draw=random_source.token_bytes
    )
    store = EndpointStore(client, store_settings)
    log = DeliveryLog(client, store_settings)
    tests = EndpointTests(
        store=store,
        log=log,
        new_id=partial(new_id, "evt"),
        clock=clock,
        monotonic=time.monotonic,
        pause=hold_request,
        is_ending=is_ending,
    )
    endpoints = Endpoints(store=store, secrets=secrets, urls=urls, new_id=partial(new_id, "we"))
    return WebhookViews(
        of_jobs=JobWebhooks(urls=urls, secrets=secrets),
        log=log,
        blueprints=(
            webhook_endpoints_blueprint(endpoints=endpoints, tests=tests, log=log),
            webhook_secret_blueprint(secrets=secrets),
            deliveries_blueprint(log=log),
            events_blueprint(events=EventList(client)),
        ),
    )
