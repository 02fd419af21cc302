"""What can be done to a standing endpoint, top-down and without a framework."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from api.webhook_endpoint_document import endpoint_document
from api.webhook_secrets import WebhookSecrets
from api.webhook_urls import WebhookUrls
from jobs.signature import Secret
from jobs.webhooks.endpoint import Endpoint, NewEndpoint
from jobs.webhooks.endpoints import EndpointStore

URL_FIELD = "url"


@dataclass(frozen=True, kw_only=True)
class Endpoints:
    """Makes and changes endpoints whose URLs have been looked at."""

    store: EndpointStore
    secrets: WebhookSecrets
    urls: WebhookUrls
    new_id: Callable[[], str]

    def create(self, tenant: str, *, name: str, url: str, event_types: Sequence[str]) -> tuple[Endpoint, Secret]:
        """A new one and its secret. Raises UrlRefused, NoSealer, EndpointLimit or StorageFull."""
        self.urls.check(url, field=URL_FIELD)
        secret, sealed = self.secrets.new()
        new = NewEndpoint(id=self.new_id(), tenant=tenant, name=name, url=url, event_types=tuple(event_types))
        return self.store.create(new, sealed=sealed, hint=secret.hint), secret

    def update(
        self,
        tenant: str,
        endpoint_id: str,
        *,
        name: str | None = None,
        url: str | None = None,
        event_types: Sequence[str] | None = None,
    ) -> Endpoint:
        """Change what is given. Raises EndpointNotFound or UrlRefused."""
        known = self.store.find(tenant, endpoint_id)
        if url is not None:
            self.urls.check(url, field=URL_FIELD)
        if (name or known.name, url or known.url, tuple(event_types or known.event_types)) == (
            known.name,
            known.url,
            known.event_types,
        ):
            return known
        return self.store.update(tenant, endpoint_id, name=name, url=url, event_types=event_types)

    def rotate_secret(self, tenant: str, endpoint_id: str, *, keep_old: bool) -> tuple[Endpoint, Secret]:
        """The endpoint and its new secret. Raises EndpointNotFound, NoSealer or TooManySecrets."""
        secret, _ = self.secrets.rotate(tenant, endpoint_id=endpoint_id, keep_old=keep_old)
        return self.store.find(tenant, endpoint_id), secret

    def describe(self, tenant: str, endpoint: Endpoint) -> dict[str, Any]:
        """The endpoint as clients see it."""
        return endpoint_document(endpoint, self.secrets.hint(tenant, endpoint.id))
