"""The Celery app: how messages travel. The record of a job is elsewhere, a message is a hint."""

from __future__ import annotations

from celery import Celery
from kombu import Exchange, Queue

ATTEMPT = "frontier.attempt"
"""Name on the wire of the task that attempts a job."""


def queue_name(model: str) -> str:
    """The broker queue of one model."""
    return f"frontier.{model}"


def model_queue(model: str) -> Queue:
    """That queue under an exchange of its own, so that no other model's messages reach it."""
    name = queue_name(model)
    return Queue(name, Exchange(name), routing_key=name)


def make_app(redis_url: str, *, events: bool = False) -> Celery:
    """An app without a result backend; `events` only while Flower looks on.

    Messages are acknowledged early and never redelivered in time: a lost one is found by the sweep.
    """
    app = Celery("frontier", broker=redis_url, set_as_current=False)
    app.conf.update(
        task_ignore_result=True,
        task_acks_late=False,
        task_serializer="json",
        accept_content=["json"],
        task_create_missing_queues=True,
        task_publish_retry=False,
        task_send_sent_event=events,
        worker_send_task_events=events,
        worker_pool="threads",
        worker_prefetch_multiplier=1,
        worker_disable_prefetch=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_soft_shutdown_timeout=0,
        worker_hijack_root_logger=False,
        broker_connection_retry=True,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={
            "visibility_timeout": 3600,
            "unacked_restore_interval": 10,
            "unacked_restore_throttle": 1,
            "socket_timeout": 5,
            "socket_connect_timeout": 2,
            "socket_keepalive": True,
            "health_check_interval": 10,
            "retry_on_timeout": False,
        },
    )
    return app
