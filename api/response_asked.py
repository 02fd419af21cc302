"""What a client has asked of `/v1/responses` that its response tells again; it stands in `Job.asked`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from jobs.job import Job

SURFACE = "responses"


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedResponse:
    """The members of a request that do not change what the model does, or only as a part of something else."""

    background: bool = False
    store: bool = True
    instructions: str | None = None
    max_output_tokens: int | None = None
    previous_response_id: str | None = None
    tool_choice: str = "auto"
    parallel_tool_calls: bool = True
    has_logprobs: bool = False
    user: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None

    def recorded(self) -> dict[str, Any]:
        """For the record: what differs from the usual."""
        usual = asdict(AskedResponse())
        given = {name: value for name, value in asdict(self).items() if value != usual[name]}
        return {"surface": SURFACE} | given


def asked_of(job: Job) -> AskedResponse:
    """What the response asked for that *job* is."""
    return read_asked(job.asked)


def read_asked(recorded: Mapping[str, Any]) -> AskedResponse:
    """What `recorded` has written; members that another release may have added are passed over."""
    known = {field.name for field in fields(AskedResponse)}
    return AskedResponse(**{name: value for name, value in recorded.items() if name in known})
