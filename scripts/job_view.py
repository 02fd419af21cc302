"""A job as the API tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jobs.job import JobState


@dataclass(frozen=True, slots=True)
class JobView:
    """A reader over the job object in *body*, which stays at hand for `--json`."""

    body: Mapping[str, Any]

    @property
    def id(self) -> str:
        return str(self.body["id"])

    @property
    def state(self) -> JobState:
        return JobState(self.body["status"])

    @property
    def is_final(self) -> bool:
        return self.state.is_final

    @property
    def is_being_cancelled(self) -> bool:
        """Whether its cancel was asked for and has not taken effect yet."""
        return not self.is_final and self.body.get("cancel_requested_at") is not None

    @property
    def succeeded(self) -> bool:
        return self.state is JobState.SUCCEEDED

    @property
    def text(self) -> str | None:
        """The completion; None too if it is so long that the API gives it only under `/result`."""
        return self.member("result").get("text")

    @property
    def finish_reason(self) -> str | None:
        return self.member("result").get("finish_reason")

    @property
    def error(self) -> Mapping[str, Any] | None:
        return self.member("error") or None

    @property
    def requeued_as(self) -> str | None:
        """The id of the job that was made of this one when it was requeued."""
        return self.body.get("requeued_as")

    def member(self, name: str) -> Mapping[str, Any]:
        """The object *name* of the job; empty where the job has none yet."""
        value = self.body.get(name)
        return value if isinstance(value, Mapping) else {}

    def with_result(self, result: Mapping[str, Any]) -> JobView:
        return JobView({**self.body, "result": result})
