"""What the environment opens for development."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_network

from marshmallow import ValidationError

from jobs.environment import Environment
from resilience.egress.guard import EgressRules, Network

ALLOW_HTTP = "WEBHOOK_ALLOW_HTTP"
ALLOW_CIDRS = "WEBHOOK_ALLOW_CIDRS"


def egress_rules_from_env(env: Mapping[str, str]) -> EgressRules:
    """WEBHOOK_ALLOW_HTTP and WEBHOOK_ALLOW_CIDRS; usually neither is set. Raises SettingError."""
    reader = Environment(env)
    allow_http = reader.bool(ALLOW_HTTP, default=False)
    cidrs = reader.str(ALLOW_CIDRS, "", validate=_networks)
    reader.check()
    return EgressRules(allow_http=allow_http, exempt=_networks(cidrs))


def _networks(text: str) -> tuple[Network, ...]:
    return tuple(_network(part.strip()) for part in text.split(",")) if text else ()


def _network(text: str) -> Network:
    try:
        return ip_network(text)
    except ValueError:
        form = "Must be networks such as 127.0.0.0/8,fd00::/8, with commas between"
        raise ValidationError(f"{form}; {text!r} is none.") from None
