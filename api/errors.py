"""What the API itself can refuse; `api.problems` says how each looks over HTTP."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Self

from api.cut_text import LONGEST_FIELD, LONGEST_MESSAGE, cut
from jobs.access.api_key import Scope
from jobs.job import Job
from resilience.rate_limit.decision import Decision

LONGEST_WAIT_SECONDS = 120

Names = Mapping[str, str]
"""Under which names a client knows the members of a job, where it used another interface; the first to fit counts."""

OWN_NAMES: Names = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing that is wrong: `field` is a path such as `params.stop[0]`, or `body` for the whole.

    `code` is OpenAI's word for what is wrong, where there is a finer one than that of the whole problem. Clients choose
    the names of fields that we do not know: whatever is long is cut.
    """

    field: str
    message: str
    code: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "field", cut(self.field, LONGEST_FIELD))
        object.__setattr__(self, "message", cut(self.message, LONGEST_MESSAGE))

    def renamed(self, names: Names) -> FieldError:
        """The same under the client's name for the field."""
        for own, theirs in names.items():
            if self.field.startswith(own):
                return FieldError(theirs + self.field.removeprefix(own), self.message, self.code)
        return self


class ApiError(Exception):
    """Any refusal of the API; `errors` name the guilty fields, `headers` go with the answer."""

    def __init__(
        self, detail: str, errors: Sequence[FieldError] = (), headers: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = headers

    @classmethod
    def of(cls, field: str, message: str, *, code: str | None = None) -> Self:
        """The error for one field; the detail repeats it."""
        return cls.of_all([FieldError(field, message, code)])

    @classmethod
    def of_all(cls, errors: Sequence[FieldError]) -> Self:
        """The error for several fields; the detail repeats them."""
        return cls("; ".join(f"{one.field}: {one.message}" for one in errors), errors)


class MalformedBody(ApiError):
    """Raised when a body is not the JSON we accept."""


class UnsupportedBody(ApiError):
    """Raised when a body is not declared as plain JSON."""


class SlowBody(ApiError):
    """Raised when a body did not arrive in time."""


class InvalidHeader(ApiError):
    """Raised when a request header has a value we cannot use."""


class InvalidRequest(ApiError):
    """Raised when a request is understood and cannot be granted as it stands."""


class DeadlineUnmeetable(ApiError):
    """Raised when a job could not start, or end, by when its client says."""


class UrlRefused(ApiError):
    """Raised when a URL is given that nothing is sent to; why is not told."""


class NoWebhookSecret(ApiError):
    """Raised when a tenant asks for a secret that nobody has made yet."""


class ProbeNotSent(ApiError):
    """Raised when nothing took the test of an endpoint to send it."""


class ProbeNotAnswered(ApiError):
    """Raised when the test of an endpoint was sent, or could not be, and no answer came."""


class CircuitOpen(ApiError):
    """Raised when a model takes no new jobs because its circuit is open."""


class UnknownCircuit(ApiError):
    """Raised when nothing has the circuit asked for."""


class UnknownModel(ApiError):
    """Raised when no model has the name asked for."""


class NotAuthenticated(ApiError):
    """Raised when a request carries no valid key."""


class ForeignPage(ApiError):
    """Raised when something is asked for with a session, and not by a page of ours."""


class MissingScope(ApiError):
    """Raised when a valid key may not be used for what is asked."""

    def __init__(self, scope: Scope) -> None:
        super().__init__(
            f"This needs a key with the scope {scope}.",
            headers={"WWW-Authenticate": f'Bearer realm="frontier", error="insufficient_scope", scope="{scope}"'},
        )


class TooManyStreams(ApiError):
    """Raised when no place is left for another stream."""


class RateLimited(ApiError):
    """Raised when a request is one too many; `violated` names the windows that are full."""

    def __init__(self, decision: Decision, detail: str = "The key has asked as often as it may") -> None:
        seconds = max(1, math.ceil(decision.retry_after_seconds))
        # OpenAI's clients wait no longer, and some ask again at once instead.
        told = {"x-should-retry": "false"} if seconds > LONGEST_WAIT_SECONDS else {}
        super().__init__(f"{detail} ({', '.join(decision.violated)}); try again in {seconds} s.", headers=told)
        self.violated = decision.violated


class StillRunning(ApiError):
    """Raised when a job has not ended by the time that a request may wait for it."""

    def __init__(self, job_id: str) -> None:
        super().__init__(
            "The job goes on: ask again, or follow it at Location.", headers={"Location": f"/v1/jobs/{job_id}"}
        )


class JobEndedWithoutResult(ApiError):
    """Raised when the result of a job is asked for that has ended as failed, cancelled or expired."""

    def __init__(self, job: Job, names: Names = OWN_NAMES) -> None:
        super().__init__(f"job {job.id} is {job.state.value}", headers={"Location": f"/v1/jobs/{job.id}"})
        self.job = job
        self.names = names
