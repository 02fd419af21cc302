"""The webhook that comes along with a submission."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from api.webhook_secrets import WebhookSecrets
from api.webhook_urls import WebhookUrls
from jobs.webhooks.errors import NoSealer
from jobs.webhooks.webhook import JobWebhook

URL_FIELD = "webhook.url"


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedWebhook:
    """As it was asked for; nobody has looked at its `url` yet."""

    url: str
    events: tuple[str, ...]
    include_result: bool


TakeWebhook = Callable[[AskedWebhook, str], JobWebhook]
"""What is recorded of a tenant's webhook. Raises UrlRefused or NoSealer."""


def no_webhooks(*_: object) -> JobWebhook:
    """For whoever has nothing to sign with."""
    raise NoSealer


@dataclass(frozen=True, kw_only=True)
class JobWebhooks:
    """Takes no webhook that could not be delivered."""

    urls: WebhookUrls
    secrets: WebhookSecrets

    def take(self, asked: AskedWebhook, tenant: str) -> JobWebhook:
        """What is recorded with the job, once there is a secret to sign with. Raises UrlRefused or NoSealer."""
        origin = self.urls.check(asked.url, field=URL_FIELD)
        self.secrets.ensure(tenant)
        return JobWebhook(url=asked.url, origin=origin, events=asked.events, include_result=asked.include_result)
