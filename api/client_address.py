"""Whose address a request comes from, where proxies of ours stand in front."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any

from resilience.egress.guard import Network

Environ = dict[str, Any]
Wsgi = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

_OF_ONE_CLIENT = 64


class ClientAddress:
    """WSGI middleware that makes REMOTE_ADDR the client's, which X-Forwarded-For tells as far as it is *trusted*.

    Whether the client speaks https a trusted peer tells by X-Forwarded-Proto.
    """

    def __init__(self, app: Wsgi, trusted: Sequence[Network]) -> None:
        self._app = app
        self._trusted = trusted

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        peer = environ.get("REMOTE_ADDR", "")
        if environ.get("HTTP_X_FORWARDED_PROTO", "").lower() == "https" and _is_one_of(peer, self._trusted):
            environ["wsgi.url_scheme"] = "https"
        environ["REMOTE_ADDR"] = client_address(peer, environ.get("HTTP_X_FORWARDED_FOR", ""), self._trusted)
        return self._app(environ, start_response)


def client_address(peer: str, forwarded_for: str, trusted: Sequence[Network]) -> str:
    """The first address from the right that is not *trusted*; the *peer*, which nobody can make up, stands rightmost.

    A client can write whatever it likes to the left of what our proxies have added, and that is never reached.
    """
    found = peer
    for hop in reversed([*forwarded_for.split(","), peer]):
        address = _parsed(hop.strip())
        if address is None:
            break
        found = str(address)
        if not _is_one_of(found, trusted):
            break
    return found


def _is_one_of(address: str, networks: Sequence[Network]) -> bool:
    found = _parsed(address)
    return found is not None and any(found in network for network in networks)


def counted_address(address: str) -> str:
    """What stands for an address where requests are counted: of IPv6 its /64, which one client has to itself."""
    found = _parsed(address.partition("%")[0])
    if isinstance(found, IPv6Address):
        return str(IPv6Network((int(found), _OF_ONE_CLIENT), strict=False))
    return "unknown" if found is None else str(found)


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    """An address, perhaps in brackets or with a port behind it, as some proxies write it; None for anything else."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
