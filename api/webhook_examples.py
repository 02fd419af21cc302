"""What the documentation shows of webhooks: real documents of made-up deliveries."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from api.delivery_document import delivery_document, delivery_with_attempts
from api.event_document import event_document
from api.examples import SUCCEEDED
from api.fields import iso
from api.id_pages import id_page
from api.job_document import job_document
from api.webhook_endpoint_document import endpoint_document, endpoint_with_secret
from jobs.signature import Secret
from jobs.webhooks.delivery import Delivery, DeliveryAttempt, DeliveryStatus
from jobs.webhooks.endpoint import Endpoint, EndpointState
from jobs.webhooks.event import EVENT_TYPES, JOB_EVENTS, Event, id_at
from jobs.webhooks.webhook import JobWebhook

_MADE_AT = 1_795_384_000.0
_ENDED_AT = SUCCEEDED.finished_at or _MADE_AT
_SECRET = Secret(bytes(range(32)))
_URL = "https://example.com/hooks/frontier"

_ENDPOINT = Endpoint(
    id="we_9kQm2xLw4fZ8RtYb7NcVd1",
    tenant="default",
    name="orders",
    url=_URL,
    event_types=("job.succeeded", "job.failed"),
    created_at=_MADE_AT,
    updated_at=_MADE_AT,
    waiting=1,
)
_EVENT = Event(
    id=id_at(f"{_ENDED_AT * 1000:.0f}-0", SUCCEEDED.id),
    type="job.succeeded",
    created_at=_ENDED_AT,
    subject=SUCCEEDED.id,
    detail=SUCCEEDED.request.model,
)
_PENDING = Delivery(
    id="dlv_5f0c7b1e9a3d4826b7c1d2e3f4a59687",
    tenant="default",
    event_id=_EVENT.id,
    event_type=_EVENT.type,
    subject=_EVENT.subject,
    endpoint_id=_ENDPOINT.id,
    url=_URL,
    status=DeliveryStatus.PENDING,
    created_at=_ENDED_AT,
    attempt_count=1,
    next_attempt_at=_ENDED_AT + 5.6,
    last_attempt_at=_ENDED_AT + 0.04,
    attempts=(
        DeliveryAttempt(
            number=1,
            at=_ENDED_AT + 0.04,
            seconds=0.187,
            status=503,
            error="status",
            snippet="upstream connect error",
        ),
    ),
)
_FAILED = replace(
    _PENDING, status=DeliveryStatus.FAILED, attempt_count=10, next_attempt_at=None, finished_at=_ENDED_AT + 345_600
)

NEW_ENDPOINT = {"name": _ENDPOINT.name, "url": _URL, "event_types": list(_ENDPOINT.event_types)}
ENDPOINT_UPDATE = {"event_types": list(_ENDPOINT.event_types)}
ENDPOINT = endpoint_document(_ENDPOINT, _SECRET.hint)
ENDPOINT_WITH_SECRET = endpoint_with_secret(_ENDPOINT, _SECRET)
DISABLED_ENDPOINT = endpoint_document(
    replace(_ENDPOINT, state=EndpointState.DISABLED, disabled_reason="asked", disabled_at=_ENDED_AT), _SECRET.hint
)
ENDPOINT_LIST = id_page([ENDPOINT], has_more=False)
DELETED_ENDPOINT = {"id": _ENDPOINT.id, "object": "webhook_endpoint.deleted", "deleted": True}
ROTATION = {"keep_old_secret_active_for_24_hours": True}
ENDPOINT_TEST = {"event_type": "job.succeeded"}
ENDPOINT_TEST_RESULT: dict[str, Any] = {
    "object": "webhook_endpoint.test",
    "webhook_endpoint_id": _ENDPOINT.id,
    "event_type": "job.succeeded",
    "success": True,
    "status_code": 204,
    "delivery_id": _PENDING.id,
    "error": None,
}

SECRET: dict[str, Any] = {
    "object": "webhook_secret",
    "signing_secret_hint": _SECRET.hint,
    "created_at": iso(_MADE_AT),
    "live": 2,
}
NEW_SECRET = SECRET | {"signing_secret": _SECRET.text}

DELIVERY_WITH_ATTEMPTS = delivery_with_attempts(_PENDING)
DELIVERY_PAGE = id_page([delivery_document(_FAILED)], has_more=True)
JOB_DELIVERIES = {"object": "list", "data": [delivery_document(_PENDING)]}
REPLAYED_DELIVERY = delivery_with_attempts(replace(_PENDING, next_attempt_at=_ENDED_AT + 400_000))
RANGE = {"after": "2026-11-22T00:00:00Z", "before": "2026-11-23T00:00:00Z"}
REPLAY_RANGE = {"endpoint_id": _ENDPOINT.id} | RANGE
REPLAY: dict[str, Any] = {"object": "replay", "replayed": 12, "next_cursor": None}

_RESPONSE_ID = "resp_9kQm2xLw4fZ8RtYb7NcVd1"
_RESPONSE_EVENT = replace(
    _EVENT,
    id=id_at(f"{_ENDED_AT * 1000:.0f}-1", _RESPONSE_ID),
    type="response.completed",
    subject=_RESPONSE_ID,
)

EVENT_LIST = id_page([event_document(_EVENT), event_document(_RESPONSE_EVENT)], has_more=False)
EVENT_TYPE_LIST = {"object": "list", "data": list(EVENT_TYPES)}

JOB_WITH_WEBHOOK = job_document(
    replace(
        SUCCEEDED,
        webhook=JobWebhook(url=_URL, origin="https://example.com", events=JOB_EVENTS),
        delivery=replace(_PENDING, endpoint_id=None),
    )
)
