"""Decides where a URL may lead: to addresses that were looked at, and to no others."""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

from resilience.egress.addresses import is_public, plain
from resilience.egress.errors import Fault, RequestFailed, UrlNotAllowed
from resilience.egress.url import Address, Target, parse_url

Network = IPv4Network | IPv6Network
Resolve = Callable[[str, int], Sequence[str]]
"""The addresses of a name, for a port. Raises OSError."""


RESOLVE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Destination:
    """A target and the addresses that it may be reached at, all of which have passed."""

    target: Target
    addresses: tuple[Address, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EgressRules:
    """https to public addresses on a few ports, unless somebody opens more for development.

    Addresses in `exempt` may be private, named as they are, and asked over http and on any port.
    """

    allow_http: bool = False
    ports: frozenset[int] = frozenset({443, 8443})
    exempt: tuple[Network, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether something was opened."""
        return self.allow_http or bool(self.exempt)


class EgressGuard:
    """Every use of a URL begins here, also one that was checked before: names move."""

    def __init__(self, rules: EgressRules, resolve: Resolve | None = None) -> None:
        self._rules = rules
        self._resolve = resolve or system_resolve

    def check(self, url: str) -> Destination:
        """Where *url* may be asked. Raises UrlNotAllowed, or RequestFailed if its name cannot be resolved."""
        target = parse_url(url)
        if not isinstance(target.host, str):
            literal = plain(str(target.host))
            self._check_form(target, [literal])
            return Destination(target, (literal,))
        if not self._rules.exempt:
            self._check_form(target, ())  # before anybody is asked for the name
        addresses = self._addresses(target)
        self._check_form(target, addresses)
        return Destination(target, addresses)

    def _addresses(self, target: Target) -> tuple[Address, ...]:
        try:
            found = self._resolve(str(target.host), target.port)
            addresses = tuple(dict.fromkeys(map(plain, found)))
        except (OSError, ValueError) as error:  # UnicodeError is a ValueError
            raise RequestFailed(Fault.DNS, f"{target.host} cannot be resolved: {error}") from error
        if not addresses:
            raise RequestFailed(Fault.DNS, f"{target.host} has no address")
        return addresses

    def _check_form(self, target: Target, addresses: Sequence[Address]) -> None:
        """One address that must not be reached rules out all: a connection may move on to the next."""
        others = [address for address in addresses if not self._is_exempt(address)]
        if addresses and not others:
            return
        for address in others:
            if not is_public(address):
                raise UrlNotAllowed(f"{address} is no public address")
        if not isinstance(target.host, str):
            raise UrlNotAllowed("its host is an address, not a name")
        if target.scheme != "https" and not self._rules.allow_http:
            raise UrlNotAllowed("its scheme is not https")
        allowed = self._rules.ports | ({80} if self._rules.allow_http else set())
        if target.port not in allowed:
            raise UrlNotAllowed(f"its port is none of {', '.join(map(str, sorted(allowed)))}")

    def _is_exempt(self, address: Address) -> bool:
        return any(address in network for network in self._rules.exempt if network.version == address.version)


def system_resolve(host: str, port: int) -> list[str]:
    """What the system's resolver says within RESOLVE_SECONDS. Raises OSError.

    Nothing ends the resolver's own call: a thread that it keeps longer is left to it.
    """
    found: queue.SimpleQueue[list[str] | OSError | ValueError] = queue.SimpleQueue()

    def ask() -> None:
        try:
            rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
        except (OSError, ValueError) as error:
            found.put(error)
        else:
            found.put([str(address[0]) for *_, address in rows])

    threading.Thread(target=ask, daemon=True).start()
    try:
        answer = found.get(timeout=RESOLVE_SECONDS)
    except queue.Empty:
        raise TimeoutError(f"no answer within {RESOLVE_SECONDS:g} s") from None
    if isinstance(answer, Exception):
        raise answer
    return answer
