"""Looks at the URL of a receiver before anything is to be sent there."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from api.errors import UrlRefused
from resilience.egress.errors import RequestFailed, UrlNotAllowed
from resilience.egress.guard import EgressGuard

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class WebhookUrls:
    """Asks the guard; why it refused is for operators alone, since the answer would map our own network."""

    guard: EgressGuard

    def check(self, url: str, *, field: str) -> str:
        """The origin of *url*. Raises UrlRefused, which blames *field*."""
        try:
            return self.guard.check(url).target.origin
        except (UrlNotAllowed, RequestFailed) as error:
            log.warning("webhook_url_refused", extra={"field": field, "reason": str(error)})
            raise UrlRefused.of(field, "is not allowed; give an https URL whose host is public") from error
