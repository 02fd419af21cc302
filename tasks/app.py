"""The Celery app: how messages travel. The record of a job is elsewhere, a message is a hint."""

from __future__ import annotations

from functools import partialmethod
from typing import Any

from celery import Celery
from celery.events.dispatcher import EventDispatcher
from kombu import Connection, Exchange, Queue

ATTEMPT = "frontier.attempt"
"""Name on the wire of the task that attempts a job."""

DELIVER = "frontier.deliver"
"""Name on the wire of the task that attempts a delivery; its arguments are the tenant and the delivery's id."""

WEBHOOKS = "webhooks"
"""The broker queue of deliveries."""

BATCHES = "batches"
"""The broker queue of runners of batches, which is empty: they find their work in the record."""

LONGEST_RECONNECT_SECONDS = 2.0


class _Broker(Connection):
    """Tries again soon after a long outage too; kombu would come to pause for half a minute."""

    ensure_connection = partialmethod(Connection.ensure_connection, interval_max=LONGEST_RECONNECT_SECONDS)


class EachByItself(EventDispatcher):
    """Sends every event at once: Celery collects them, and loses what a thread adds while others are sent."""

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options | {"buffer_group": None, "on_send_buffered": None})


def queue_name(model: str) -> str:
    """The broker queue of one model."""
    return f"frontier.{model}"


def model_queue(model: str) -> Queue:
    """That queue under an exchange of its own, so that no other model's messages reach it."""
    return _queue(queue_name(model))


def webhook_queue() -> Queue:
    """The queue of deliveries under an exchange of its own."""
    return _queue(WEBHOOKS)


def batch_queue() -> Queue:
    """The queue of runners of batches under an exchange of its own."""
    return _queue(BATCHES)


def _queue(name: str) -> Queue:
    return Queue(name, Exchange(name), routing_key=name)


def make_app(redis_url: str, *, events: bool = False, publishers: int = 10) -> Celery:
    """An app without a result backend; `events` only while Flower looks on, `publishers` connections that publish.

    Nothing is acknowledged and nothing redelivered: a lost message is found by the sweep. So Redis keeps no list
    of those that workers hold, and a worker that takes one writes nothing, which a full server would refuse.
    """
    app = Celery("frontier", broker=redis_url, set_as_current=False)
    app.amqp.Connection = _Broker
    app.events.dispatcher_cls = f"{__name__}:{EachByItself.__name__}"
    app.conf.update(
        task_ignore_result=True,
        task_acks_late=False,
        task_serializer="json",
        accept_content=["json"],
        task_create_missing_queues=True,
        task_publish_retry=False,
        task_send_sent_event=False,
        worker_send_task_events=events,
        worker_pool="threads",
        worker_prefetch_multiplier=1,
        worker_disable_prefetch=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_soft_shutdown_timeout=0,
        worker_hijack_root_logger=False,
        broker_pool_limit=publishers,
        broker_connection_retry=True,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_channel_error_retry=True,
        broker_transport_options={
            "ack_emulation": False,
            "max_retries": 0,
            "socket_timeout": 5,
            "socket_connect_timeout": 2,
            "socket_keepalive": True,
            "health_check_interval": 10,
            "retry_on_timeout": False,
        },
    )
    return app
