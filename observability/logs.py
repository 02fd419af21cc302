"""One JSON object per line: an event name and its fields. Never a prompt, a completion or a secret."""

from __future__ import annotations

import logging
from typing import TextIO

from pythonjsonlogger.json import JsonFormatter

from observability.redaction import redacted


class _Formatter(JsonFormatter):
    def format(self, record: logging.LogRecord) -> str:
        return redacted(super().format(record))


def configure_logging(stream: TextIO, *, level: str = "INFO") -> None:
    """Send every logger of the process to `stream`; libraries speak up from WARNING on, urllib3 hardly."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        _Formatter(
            "{asctime}{levelname}{name}{message}",
            style="{",
            rename_fields={"asctime": "time", "levelname": "level", "name": "logger", "message": "event"},
        )
    )
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for library in ("celery", "kombu", "transformers", "amqp"):
        logging.getLogger(library).setLevel(logging.WARNING)
    # Its warnings quote the URL that was asked and lines of the answer: secrets, and what strangers send.
    logging.getLogger("urllib3").setLevel(logging.CRITICAL)
