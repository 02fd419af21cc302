"""The accepted form of `webhook` in a submission."""

from __future__ import annotations

from typing import Any

from marshmallow import post_load

from api.choices import Choices
from api.fields import Text
from api.job_webhooks import AskedWebhook
from api.strict_schema import StrictSchema
from jobs.webhooks.event import JOB_EVENTS
from resilience.egress.url import MOST_CHARACTERS


class WebhookSchema(StrictSchema):
    """Where the end of the job is to be told."""

    url = Text(1, MOST_CHARACTERS, required=True, metadata={"description": "https, to a public host"})
    events = Choices(
        JOB_EVENTS,
        shortened="job.",
        load_default=JOB_EVENTS,
        metadata={"description": "Which ends are told; all of them by default"},
    )
    include = Choices(
        ("result",),
        fewest=0,
        load_default=(),
        metadata={"description": "With `result` the body carries it, or the error, up to 20 kB"},
    )

    @post_load
    def make(self, data: dict[str, Any], **_: Any) -> AskedWebhook:
        return AskedWebhook(url=data["url"], events=data["events"], include_result="result" in data["include"])
