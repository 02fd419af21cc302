"""What libraries may say in our log: how they fare, and never what passes through them."""

from __future__ import annotations

import logging
from typing import Any

_SPEAK_UP_FROM_WARNING = ("celery", "kombu", "transformers", "amqp")


def quiet_libraries() -> None:
    """Set the levels of those that we use, and take out what they quote."""
    for library in _SPEAK_UP_FROM_WARNING:
        logging.getLogger(library).setLevel(logging.WARNING)
    # Its warnings quote the URL that was asked and lines of the answer: secrets, and what strangers send.
    logging.getLogger("urllib3").setLevel(logging.CRITICAL)
    logging.getLogger("celery.app.trace").addFilter(_names_the_task)


def _names_the_task(record: logging.LogRecord) -> bool:
    """Celery tells of a task that has failed with its arguments and with the words of its error."""
    told: Any = getattr(record, "data", None) or record.args
    facts = told if isinstance(told, dict) else {}
    record.msg, record.args = "task_failed", ()
    vars(record).pop("data", None)
    record.task, record.task_id = facts.get("name"), facts.get("id")
    return True
