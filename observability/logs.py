"""One JSON object per line: an event name and its fields. Never a prompt, a completion or a secret."""

from __future__ import annotations

import logging
from typing import TextIO

from pythonjsonlogger.json import JsonFormatter


def configure_logging(stream: TextIO, *, level: str = "INFO") -> None:
    """Send every logger of the process to `stream`; libraries speak up from WARNING on."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        JsonFormatter(
            "{asctime}{levelname}{name}{message}",
            style="{",
            rename_fields={"asctime": "time", "levelname": "level", "name": "logger", "message": "event"},
        )
    )
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for library in ("celery", "kombu", "transformers", "urllib3", "amqp"):
        logging.getLogger(library).setLevel(logging.WARNING)
