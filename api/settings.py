"""What an operator can set for an API process."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from environs import Env, EnvValidationError
from marshmallow import ValidationError

_TOKEN = re.compile(r"[\x21-\x7e]+")
_REDIS_SCHEMES = frozenset({"redis", "rediss", "unix"})


class SettingError(Exception):
    """Raised when an environment variable is missing or wrong; the message names it and the accepted form."""


@dataclass(frozen=True, kw_only=True)
class ApiSettings:
    """Read once per process; `token` is the operator's key, everything else has a default."""

    token: str
    redis_url: str = "redis://localhost:6379/0"
    config: Path = Path("configs/llm_default.yaml")
    host: str = "127.0.0.1"
    port: int = 8080
    workers: int = 1
    max_body_bytes: int = 1024 * 1024
    body_seconds: float = 10.0
    graceful_seconds: int = 30

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Take the settings from *env*; raises one SettingError for all that is wrong."""
        reader = _Reader(env)
        settings: dict[str, Any] = {
            "token": reader.str("TRUTHGPT_API_TOKEN", validate=_is_token),
            "redis_url": reader.str("REDIS_URL", cls.redis_url, validate=_is_redis_url),
            "config": reader.path("TRUTHGPT_CONFIG", cls.config),
            "host": reader.str("HOST", cls.host, validate=_is_host),
            "port": reader.int("PORT", cls.port, validate=_between(1, 65_535)),
            "workers": reader.int("API_WORKERS", cls.workers, validate=_between(1, 64)),
            "max_body_bytes": reader.int(
                "API_MAX_BODY_BYTES", cls.max_body_bytes, validate=_between(1024, 64 * 1024 * 1024)
            ),
            "body_seconds": reader.float("API_BODY_SECONDS", cls.body_seconds, validate=_between(0.1, 600)),
            "graceful_seconds": reader.int("API_GRACEFUL_SECONDS", cls.graceful_seconds, validate=_between(0, 600)),
        }
        try:
            reader.seal()
        except EnvValidationError as error:
            raise SettingError(_as_lines(error.error_messages)) from error
        return cls(**settings)


class _Reader(Env):
    """environs over a given mapping instead of the process's environment; collects errors until `seal`."""

    def __init__(self, env: Mapping[str, str]) -> None:
        super().__init__(eager=False)
        self._given = env

    def _get_value(self, env_key: str, default: Any) -> Any:
        # A variable that is set to nothing, as `docker compose` does, counts as not set.
        return self._given.get(env_key) or default


def _as_lines(messages: Any) -> str:
    hints = {
        "TRUTHGPT_API_TOKEN": "the key that clients send as `Authorization: Bearer ...`: visible ASCII, no spaces",
        "PORT": "a TCP port from 1 to 65535",
    }
    lines = []
    for name, problems in dict(messages).items():
        text = " ".join(str(problem) for problem in problems)
        lines.append(f"{name}: {text}" + (f" Give {hints[name]}." if name in hints else ""))
    return "\n".join(lines)


def _between(low: float, high: float) -> Any:
    def check(value: float) -> None:
        if not low <= value <= high:
            raise ValidationError(f"Must be a number from {low} to {high}.")

    return check


def _is_token(value: str) -> None:
    if not _TOKEN.fullmatch(value):
        raise ValidationError("Must be visible ASCII characters without spaces.")


def _is_redis_url(value: str) -> None:
    if urlsplit(value).scheme not in _REDIS_SCHEMES:
        raise ValidationError("Must look like redis://HOST:PORT/DATABASE, rediss://... or unix://PATH.")


def _is_host(value: str) -> None:
    if not re.fullmatch(r"[A-Za-z0-9.:_-]+", value):
        raise ValidationError("Must be an address to listen on, such as 127.0.0.1 or 0.0.0.0.")
