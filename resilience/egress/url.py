"""Reads a URL that a stranger gave: one reading, strict, and a refusal where programs could read it in two ways."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import urlsplit

from resilience.egress.errors import UrlNotAllowed

Address = IPv4Address | IPv6Address

MOST_CHARACTERS = 2048
DEFAULT_PORTS = {"https": 443, "http": 80}
LOCAL_DOMAINS = (
    "localhost",
    "localdomain",
    "local",
    "internal",
    "intranet",
    "private",
    "corp",
    "home",
    "lan",
    "home.arpa",
    "svc",
    "cluster.local",
    "test",
    "invalid",
    "onion",
    "in-addr.arpa",
    "ip6.arpa",
)
"""Names below these mean something on the inside only."""

_PARTS = re.compile(r"(https?)://([^/?#]*)(/[^?#]*)?(\?[^#]*)?", re.IGNORECASE)
_FORBIDDEN = re.compile(r"[^!-~]|[\\<>\"^{|}`]")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})|%0[0-9A-Fa-f]|%1[0-9A-Fa-f]|%7[Ff]")
_NAME_LABEL = re.compile(r"[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?")
_NUMERIC_LABEL = re.compile(r"[0-9]+|0x[0-9a-f]*")
_QUAD = re.compile(r"(0|[1-9][0-9]{0,2})(\.(0|[1-9][0-9]{0,2})){3}")
_MOST_NAME_CHARACTERS = 253


@dataclass(frozen=True, slots=True)
class Target:
    """Where a URL points: `host` is a name in lower case, without a dot at its end, or an address.

    `path` begins with a slash, and the query is in it; the request line says it with escapes in capitals.
    """

    scheme: str
    host: str | Address
    port: int
    path: str

    @property
    def origin(self) -> str:
        """Such as `https://example.org:8443`: what the URLs of one receiver have in common."""
        return f"{self.scheme}://{self.authority}"

    @property
    def authority(self) -> str:
        """The Host header: without the port where it is the scheme's own."""
        host = f"[{self.host}]" if isinstance(self.host, IPv6Address) else str(self.host)
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


def parse_url(url: str) -> Target:
    """Raises UrlNotAllowed, which says what is wrong with *url*."""
    if len(url) > MOST_CHARACTERS:
        raise UrlNotAllowed(f"it has more than {MOST_CHARACTERS:,} characters")
    if found := _FORBIDDEN.search(url):
        raise UrlNotAllowed(f"it holds the character {found[0]!a}")
    if found := _BAD_ESCAPE.search(url):
        raise UrlNotAllowed(f"it holds the escape {url[found.start() : found.start() + 3]}")
    parts = _PARTS.fullmatch(url)
    if parts is None:
        raise UrlNotAllowed("it is no http or https URL without a fragment")
    scheme, authority, path, query = parts[1].lower(), parts[2], parts[3] or "/", parts[4] or ""
    if not _others_agree(url, authority):
        raise UrlNotAllowed("its host can be read in two ways")
    if "@" in authority:
        raise UrlNotAllowed("it holds a user name")
    host, port = _host_and_port(authority)
    return Target(scheme, _host(host), DEFAULT_PORTS[scheme] if port is None else port, path + query)


def _others_agree(url: str, authority: str) -> bool:
    """Python's own reading, which repairs some of what it is given."""
    try:
        return urlsplit(url).netloc == authority
    except ValueError:
        return False


def _host_and_port(authority: str) -> tuple[str, int | None]:
    bracketed = re.fullmatch(r"(\[[^\[\]]*\])(?::(.*))?", authority)
    host, port = (bracketed[1], bracketed[2]) if bracketed else _at_colon(authority)
    if port is None:
        return host, None
    if not re.fullmatch(r"[1-9][0-9]{0,4}", port) or int(port) > 65535:  # noqa: PLR2004 - the last port
        raise UrlNotAllowed("its port is no number from 1 to 65535")
    return host, int(port)


def _at_colon(authority: str) -> tuple[str, str | None]:
    host, colon, port = authority.partition(":")
    return host, port if colon else None


def _host(host: str) -> str | Address:
    if host.startswith("["):
        return _ipv6(host[1:-1])
    name = host.lower().removesuffix(".")
    labels = name.split(".")
    if _NUMERIC_LABEL.fullmatch(labels[-1]):
        return _ipv4(name)
    if len(name) > _MOST_NAME_CHARACTERS or not all(_NAME_LABEL.fullmatch(label) for label in labels):
        raise UrlNotAllowed("its host is no name")
    if len(labels) == 1:
        raise UrlNotAllowed("its host has no domain")
    if any(name == domain or name.endswith(f".{domain}") for domain in LOCAL_DOMAINS):
        raise UrlNotAllowed("its host is a local name")
    return name


def _ipv4(text: str) -> IPv4Address:
    """Only as four decimal numbers: `127.1`, `0x7f.1` and `2130706433` mean an address to some programs."""
    if not _QUAD.fullmatch(text):
        raise UrlNotAllowed("its host is a number that is no IPv4 address")
    try:
        return IPv4Address(text)
    except ValueError:
        raise UrlNotAllowed("its host is no IPv4 address") from None


def _ipv6(text: str) -> IPv6Address:
    if "%" in text:
        raise UrlNotAllowed("its address has a zone")
    try:
        return IPv6Address(text)
    except ValueError:
        raise UrlNotAllowed("its host is no IPv6 address") from None
