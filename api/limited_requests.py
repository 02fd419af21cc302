"""The limits of the request at hand: taken once, and told in every answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from http import HTTPStatus
from math import isfinite
from typing import Any, TypeVar, cast

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from api.auth import caller, standing_of_address
from api.errors import RateLimited
from api.problem_types import find_problem_type
from api.rate_class import RateClass
from api.request_limits import RequestLimits
from api.tokens_window import tokens_refused, tokens_window
from jobs.answers import Accepted
from jobs.errors import IdempotencyMismatch
from resilience.rate_limit.decision import Decision, WindowState
from resilience.rate_limit.headers import NO_LIMIT, rate_limit_headers

View = TypeVar("View", bound=Callable[..., Any])


class HeldRequest:
    """What the request at hand has been charged; `decision` is what its answer tells, None where nothing limits it.

    `tokens` is how its tenant stands by its tokens per minute, where a job was made, or would have been for them.
    """

    def __init__(self, limits: RequestLimits, rate: RateClass) -> None:
        self._limits = limits
        self.rate = rate
        self.decision: Decision | None = None
        self.tokens: WindowState | None = None
        self.is_decided = False

    def take(self) -> None:
        """Charge one request, once. Raises RateLimited, or StoreUnavailable for a submit."""
        if self.is_decided:
            return
        self.decision, self.is_decided = self._limits.take(caller(), self.rate), True
        if self.decision is not None and not self.decision.allowed:
            raise RateLimited(self.decision)

    def look(self, rates: Sequence[RateClass]) -> Decision | None:
        """How the caller stands in these classes, of which its own is told; raises RateLimited if that has no room."""
        found = self._limits.look(caller(), rates)
        self.decision, self.is_decided = found and _of_class(found, self.rate), True
        if self.decision is not None and not self.decision.allowed:
            raise RateLimited(self.decision)
        return found


def add_limits(app: Flask, limits: RequestLimits) -> None:
    """Hold every request with a key against its limits; register after what asks for the key.

    A submit is charged where it is known to be no replay, by `charge_submission`.
    """

    @app.before_request
    def hold() -> None:
        if "caller" not in g:
            return
        view = app.view_functions.get(request.endpoint or "")
        rate = getattr(view, _RATE, None) or RateClass.of_method(request.method)
        g.held = HeldRequest(limits, rate)
        if rate is not RateClass.SUBMIT and not getattr(view, _LOOKS, False):
            g.held.take()

    @app.after_request
    def tell(response: Response) -> Response:
        held: HeldRequest | None = g.get("held")
        if held is None:
            standing = standing_of_address()
        else:
            standing = held.decision if held.is_decided else limits.shared(caller(), held.rate)
        tokens = held.tokens if held is not None else None
        if standing is not None or tokens is not None:
            told = rate_limit_headers(standing or NO_LIMIT, tokens)
            if response.status_code != HTTPStatus.TOO_MANY_REQUESTS:
                told.pop("Retry-After", None)  # What it says of a job, or of a failure, is about something else.
            response.headers.update(told)
        return response


def charge_submission() -> None:
    """Charge the request at hand for a job that it is about to make. Raises RateLimited or StoreUnavailable."""
    _held().take()


def tell_budget(accepted: Accepted) -> None:
    """Have the answer to the request at hand tell how its tenant stands by its tokens per minute, if it has such."""
    budget = accepted.budget
    if budget is not None:
        _held().tokens = tokens_window(limit=budget.limit, used=budget.used, reset_seconds=budget.reset_seconds)


def look_at_limits() -> Decision | None:
    """How the caller of the request at hand stands in every class. Raises RateLimited."""
    return _held().look(list(RateClass))


def counted(view: View, rate: RateClass, *, looks: bool) -> View:
    """The view with its class. One that submits is charged also if it refuses what it is sent."""
    marked = _charged(view) if rate is RateClass.SUBMIT else view
    setattr(marked, _RATE, rate)
    setattr(marked, _LOOKS, looks)
    return marked


def _charged(view: View) -> View:
    @wraps(view)
    def charged(*arguments: Any, **options: Any) -> Any:
        try:
            return view(*arguments, **options)
        except Exception as error:
            if _is_charged(error):
                _held().take()
            if tokens := tokens_refused(error):
                _held().tokens = tokens
            raise

    return cast("View", charged)


def _is_charged(error: Exception) -> bool:
    """Whether a client is to blame: not one that has sent a repeat, and not for what another limit has refused."""
    if isinstance(error, IdempotencyMismatch):
        return False
    status = (error.code or 500) if isinstance(error, HTTPException) else find_problem_type(error).status
    is_theirs = HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR
    return is_theirs and status != HTTPStatus.TOO_MANY_REQUESTS


def _held() -> HeldRequest:
    held: HeldRequest = g.held
    return held


def _of_class(decision: Decision, rate: RateClass) -> Decision | None:
    """The part of a look at several classes that is about one."""
    states = tuple(one for one in decision.states if is_of_class(one, rate))
    refusing = [one for one in states if one.name in decision.violated]
    if not states:
        return None
    wait = max((one.reset_seconds for one in refusing), default=0.0)
    return Decision(
        allowed=not refusing,
        states=states,
        retry_after_seconds=wait if isfinite(wait) else decision.retry_after_seconds,
        violated=tuple(one.name for one in refusing),
        is_local=decision.is_local,
    )


def is_of_class(state: WindowState, rate: RateClass) -> bool:
    """Whether that is a window of the class."""
    return state.bucket_key.endswith(f":{rate}")


_RATE = "rate_class"
_LOOKS = "only_looks_at_limits"
