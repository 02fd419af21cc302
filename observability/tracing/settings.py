"""Where traces go, and of how many requests there are any."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal, Self
from urllib.parse import SplitResult, urlsplit

from marshmallow import ValidationError

from jobs.environment import Environment, SettingError, between

ENDPOINT = "OTLP_ENDPOINT"
GRPC_PORT, HTTP_PORT = 4317, 4318
_PATH = "/v1/traces"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What spans are sent to, and how."""

    url: str
    protocol: Literal["http", "grpc"]

    @property
    def host(self) -> str:
        """With its port, and nothing that could be secret."""
        parts = urlsplit(self.url)
        return parts.netloc


@dataclass(frozen=True, kw_only=True)
class TracingSettings:
    """Without a `target` nothing is recorded. With `trusts_parent` a caller decides whether its requests are."""

    target: Target | None = None
    sample_ratio: float = 0.1
    trusts_parent: bool = False

    @classmethod
    def from_env(cls, env: Mapping[str, str], *, speaks_grpc: bool) -> Self:
        """For a process that `speaks_grpc`, or cannot. Raises SettingError."""
        reader = Environment(env)
        endpoint = reader.str(ENDPOINT, None, validate=_is_endpoint)
        is_enabled = reader.bool("ENABLE_TRACING", default=True)
        sample_ratio = reader.float("TRACING_SAMPLE_RATIO", cls.sample_ratio, validate=between(0, 1))
        trusts_parent = reader.bool("TRACING_TRUST_PARENT", default=False)
        reader.check()
        target = target_of(endpoint, speaks_grpc=speaks_grpc) if endpoint and is_enabled else None
        if target and target.protocol == "grpc" and find_spec("grpc") is None:
            raise SettingError(
                f"{ENDPOINT}: port {GRPC_PORT} is for gRPC, which needs pip install 'frontier[otlp-grpc]'; "
                f"port {HTTP_PORT} of the same collector is for HTTP, and needs nothing."
            )
        return cls(target=target, sample_ratio=sample_ratio, trusts_parent=trusts_parent)


UNTRACED = TracingSettings()


def target_of(endpoint: str, *, speaks_grpc: bool) -> Target:
    """Port 4317 is for gRPC; a process that cannot speak it sends to 4318 of the same host. All else is HTTP."""
    parts = urlsplit(endpoint)
    if parts.port == GRPC_PORT and speaks_grpc:
        return Target(url=f"{parts.scheme}://{parts.netloc}", protocol="grpc")
    if parts.port == GRPC_PORT:
        host = parts.netloc.rpartition(":")[0]
        return Target(url=f"{parts.scheme}://{host}:{HTTP_PORT}{_PATH}", protocol="http")
    return Target(url=f"{parts.scheme}://{parts.netloc}{_http_path(parts)}", protocol="http")


def _http_path(parts: SplitResult) -> str:
    path = parts.path.rstrip("/")
    return path if path.endswith(_PATH) else path + _PATH


def _is_endpoint(value: str) -> None:
    try:
        parts = urlsplit(value)
        is_address = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address or "@" in parts.netloc or parts.query or parts.fragment:
        raise ValidationError(
            "Must look like http://HOST:4318 or http://HOST:4317, or https://...; "
            "what a collector wants as a key goes into OTEL_EXPORTER_OTLP_HEADERS."
        )
