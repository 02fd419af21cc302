"""An endpoint that a command registers for itself, and takes away when it ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from jobs.signature import Secret
from scripts.api_errors import ApiProblem, ApiUnreachable
from scripts.client import FrontierClient

NAME = "frontier listen"


def open_it(url: str) -> str:
    """The command that starts a system which sends to *url*, whose host is an address of this machine."""
    host = urlsplit(url).hostname or ""
    network = "127.0.0.0/8" if host.startswith("127.") else f"{host}/{128 if ':' in host else 32}"
    return f"WEBHOOK_ALLOW_CIDRS={network} frontier up"


class NotReachable(Exception):
    """Raised when the system does not send to such an address; the message says how to let it."""


@dataclass(frozen=True, slots=True)
class OwnEndpoint:
    """What was registered, and the secret that its deliveries are signed with."""

    id: str
    secret: Secret


def register(client: FrontierClient, url: str, event_types: Sequence[str]) -> OwnEndpoint:
    """Subscribe *url* to *event_types*, to all if there are none; one that a killed command left there is taken away.

    Raises ApiProblem, ApiUnreachable, NotReachable.
    """
    for endpoint in client.endpoints.listed():
        if (endpoint.get("name"), endpoint.get("url")) == (NAME, url):
            client.endpoints.delete(str(endpoint["id"]))
    try:
        made = client.endpoints.make(NAME, url, list(event_types) or client.endpoints.event_types())
    except ApiProblem as problem:
        if not problem.type.endswith("/url-not-allowed"):
            raise
        raise NotReachable(
            f"the system at {client.url} does not send to {url}: only public https addresses are allowed. "
            f"For development, start it with this machine's own allowed too: {open_it(url)}"
        ) from None
    return OwnEndpoint(str(made["id"]), Secret.parse(str(made["signing_secret"])))


def remove(client: FrontierClient, endpoint_id: str) -> str | None:
    """Take it away; if that fails, what is left to do, in a line."""
    try:
        client.endpoints.delete(endpoint_id)
    except (ApiProblem, ApiUnreachable) as error:
        return f"{endpoint_id} is still registered ({error}); the next `frontier listen` on this port takes it away"
    return None
