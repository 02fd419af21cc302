"""One request to a receiver: signed, sent to where its URL may lead, and told as an attempt."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from jobs.signature import signed_headers
from jobs.traceparent import HEADER, child_traceparent
from jobs.webhooks.delivery import DeliveryAttempt, DeliveryLease
from jobs.webhooks.errors import BadSeal, NoSealer
from jobs.webhooks.outbox import Blame, Verdict
from jobs.webhooks.sealing import Sealer
from resilience.egress.errors import RequestFailed, UrlNotAllowed
from resilience.egress.guard import EgressGuard
from resilience.egress.post import Poster, Reply
from tasks.retry_after import seconds_asked_for
from tasks.snippet import snippet

log = logging.getLogger(__name__)

_NOT_THE_RECEIVERS = frozenset({"url_not_allowed", "internal"})
_OF_THE_MOMENT = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """How a request ended; `asked_for` are the seconds that the receiver wants to be left alone."""

    attempt: DeliveryAttempt
    verdict: Verdict
    asked_for: float | None = None

    @property
    def blame(self) -> Blame:
        """Whose a failure is; a refusal that names the request, not the moment, comes from a receiver that lives."""
        if self.attempt.error in _NOT_THE_RECEIVERS:
            return "nobody"
        is_refusal = self.attempt.status in range(400, 500) and self.attempt.status not in _OF_THE_MOMENT
        return "answered" if is_refusal else "receiver"


@dataclass(frozen=True, kw_only=True)
class Courier:
    """Carries one request at a time for each thread that asks; *now* is Unix time, *clock* measures.

    Without a sealer nothing can be signed, and so nothing is sent.
    """

    guard: EgressGuard
    poster: Poster
    sealer: Sealer | None
    user_agent: str
    now: Callable[[], float]
    clock: Callable[[], float]

    def carry(self, lease: DeliveryLease) -> Told:
        """Send what the lease is for, once; whatever happens is told, and nothing raised."""
        at, began = self.now(), self.clock()
        try:
            reply = self._send(lease, int(at))
        except (UrlNotAllowed, RequestFailed, BadSeal, NoSealer) as error:
            code = _code(error)
            if code in _NOT_THE_RECEIVERS:
                log.warning("delivery_not_sent", extra={"delivery_id": lease.delivery_id, "reason": str(error)})
            return self._failed(lease, at, began, code)
        except Exception:
            log.exception("delivery_failed_unexpectedly", extra={"delivery_id": lease.delivery_id})
            return self._failed(lease, at, began, "internal")
        return Told(
            attempt=DeliveryAttempt(
                number=lease.number,
                at=at,
                seconds=self.clock() - began,
                status=reply.status,
                error=None if reply.is_success else "status",
                snippet=snippet(reply.body),
            ),
            verdict=_verdict(reply),
            asked_for=seconds_asked_for(reply.status, reply.headers, now=self.now()),
        )

    def _send(self, lease: DeliveryLease, timestamp: int) -> Reply:
        if self.sealer is None:
            raise NoSealer("there is no FRONTIER_SECRET_KEY to open the secret with")
        if not lease.sealed_secrets:
            raise NoSealer("there is no secret to sign with")
        secrets = [self.sealer.unseal(sealed) for sealed in lease.sealed_secrets]
        destination = self.guard.check(lease.url)
        headers = {
            "content-type": "application/json",
            "user-agent": self.user_agent,
            HEADER: child_traceparent(lease.traceparent, lease.span_id, event_id=lease.event_id),
            **signed_headers(secrets, lease.event_id, timestamp, lease.body),
        }
        return self.poster.post(destination, lease.body, headers)

    def _failed(self, lease: DeliveryLease, at: float, began: float, code: str) -> Told:
        attempt = DeliveryAttempt(number=lease.number, at=at, seconds=self.clock() - began, error=code)
        return Told(attempt=attempt, verdict="failed")


def _verdict(reply: Reply) -> Verdict:
    if reply.is_success:
        return "delivered"
    return "gone" if reply.status == HTTPStatus.GONE else "failed"


def _code(error: Exception) -> str:
    if isinstance(error, UrlNotAllowed):
        return "url_not_allowed"
    return error.fault.value if isinstance(error, RequestFailed) else "internal"
