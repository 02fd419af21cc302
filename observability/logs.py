"""One JSON object per line: an event name and its fields. Never a prompt, a completion or a secret."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TextIO

from pythonjsonlogger.json import JsonEncoder, JsonFormatter

from observability import log_context
from observability.library_words import quiet_libraries
from observability.log_settings import LogSettings
from observability.quiet_traceback import quiet_traceback
from observability.readable import in_words
from observability.redaction import redacted
from observability.tenant_hash import tenant_hash

OURS = ("api", "frontier", "jobs", "models", "observability", "resilience", "scripts", "storage", "tasks")
USUAL = LogSettings()
_encoded = JsonEncoder().encode


class _Formatter(JsonFormatter):
    """Adds to each line what is known of its request or attempt, and tells no tenant by name."""

    def format(self, record: logging.LogRecord) -> str:
        return redacted(super().format(record))

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: ARG002, N802 - as logging has it
        instant = datetime.fromtimestamp(record.created, UTC)
        return f"{instant:%Y-%m-%dT%H:%M:%S}.{instant.microsecond // 1000:03}Z"

    def formatException(self, ei: Any) -> str:  # noqa: N802 - as logging has it
        return quiet_traceback(ei[1]) if ei[1] is not None else ""

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        for name, fact in log_context.known().items():
            log_data.setdefault(name, fact)
        if (tenant := log_data.pop("tenant", None)) is not None:
            log_data["tenant_hash"] = tenant_hash(str(tenant))
        return log_data

    def jsonify_log_record(self, log_data: Mapping[str, Any]) -> str:
        """As the library does, but for making an encoder each time."""
        return _encoded(log_data)


class _WordsFormatter(_Formatter):
    """For people, where the form of JSON is switched off."""

    def jsonify_log_record(self, log_data: Mapping[str, Any]) -> str:
        return in_words(log_data)


def configure_logging(stream: TextIO, settings: LogSettings = USUAL) -> None:
    """Send every logger of the process to `stream`; libraries say no more than at INFO, whatever our level is."""
    handler = logging.StreamHandler(stream)
    make = _Formatter if settings.structured else _WordsFormatter
    handler.setFormatter(
        make(
            "{asctime}{levelname}{name}{message}",
            style="{",
            rename_fields={"asctime": "time", "levelname": "level", "name": "logger", "message": "event"},
        )
    )
    logging.basicConfig(level=max(logging.INFO, getattr(logging, settings.level)), handlers=[handler], force=True)
    for package in OURS:
        logging.getLogger(package).setLevel(settings.level)
    quiet_libraries()
