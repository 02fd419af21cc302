"""Why nothing was sent, or no answer came."""

from __future__ import annotations

from enum import StrEnum


class UrlNotAllowed(Exception):
    """Raised for a URL that must not be asked.

    The reason is for operators: told to whoever gave the URL, it would make of us a scanner of our own network.
    """


class Fault(StrEnum):
    """What went wrong with a request; a closed list, which tells nothing about the inside."""

    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    TIMEOUT = "timeout"
    PROTOCOL = "protocol"


class RequestFailed(Exception):
    """Raised when no whole answer came; `fault` says where it broke."""

    def __init__(self, fault: Fault, reason: str) -> None:
        super().__init__(reason)
        self.fault = fault
