"""Who stands in front of the API, and which pages may call it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Self

from marshmallow import ValidationError

from jobs.environment import Environment
from resilience.egress.guard import Network

_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?|https?://\[[0-9a-f:]+\](:[0-9]{1,5})?|\*")


@dataclass(frozen=True, kw_only=True)
class EdgeSettings:
    """`trusted_proxies` are believed when they say who a client is; pages of `cors_origins` may call, `*` are all."""

    trusted_proxies: tuple[Network, ...] = ()
    cors_origins: tuple[str, ...] = ()

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """API_TRUSTED_PROXIES and API_CORS_ORIGINS, each with commas between. Raises SettingError."""
        reader = Environment(env)
        proxies = reader.str("API_TRUSTED_PROXIES", "", validate=_networks)
        origins = reader.str("API_CORS_ORIGINS", "", validate=_origins)
        reader.check()
        return cls(trusted_proxies=_networks(proxies), cors_origins=_origins(origins))


def _networks(text: str) -> tuple[Network, ...]:
    return tuple(map(_network, _parts(text)))


def _network(text: str) -> Network:
    try:
        return ip_network(text)
    except ValueError:
        form = "Must be addresses or networks such as 127.0.0.1,10.0.0.0/8, with commas between"
        raise ValidationError(f"{form}; {text!r} is none.") from None


def _origins(text: str) -> tuple[str, ...]:
    found = tuple(_parts(text.lower()))
    for origin in found:
        if not _ORIGIN.fullmatch(origin):
            form = "Must be origins such as https://app.example.org,http://localhost:3000, or *"
            raise ValidationError(f"{form}; {origin!r} is none.")
    return found


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")] if text else []
