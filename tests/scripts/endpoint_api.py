"""The routes of webhook endpoints in memory, before those of jobs."""

from __future__ import annotations

import re
import secrets

from jobs.signature import Secret
from jobs.webhooks.event import EVENT_TYPES
from tests.scripts.job_api import Answer, Body, Request, problem
from tests.scripts.operated_api import OperatedApi

CLOSED = problem(422, "/problems/url-not-allowed", "url: This address is not allowed.")


class EndpointApi:
    """Answers for endpoints; all else goes to *jobs*. *refusal* is what a create gets, if there is one."""

    def __init__(self, jobs: OperatedApi) -> None:
        self._jobs = jobs
        self.endpoints: dict[str, Body] = {}
        self.made: list[Body] = []
        self.refusal: Answer | None = None

    def answer(self, request: Request) -> Answer:
        if request.path == "/v1/webhook_event_types":
            return Answer(200, {"object": "list", "data": list(EVENT_TYPES)})
        if request.path == "/v1/webhook_endpoints":
            return self._create(request) if request.method == "POST" else self._list()
        if found := re.fullmatch(r"/v1/webhook_endpoints/(we_\w+)", request.path):
            with self._jobs.changed:
                if self.endpoints.pop(found[1], None) is None:
                    return problem(404, "/problems/endpoint-not-found", "no such endpoint")
            return Answer(200, {"id": found[1], "object": "webhook_endpoint.deleted", "deleted": True})
        return self._jobs.answer(request)

    def _list(self) -> Answer:
        return Answer(200, {"object": "list", "data": list(self.endpoints.values()), "has_more": False})

    def _create(self, request: Request) -> Answer:
        if self.refusal:
            return self.refusal
        with self._jobs.changed:
            endpoint = {**request.body, "id": f"we_{len(self.made) + 1}", "object": "webhook_endpoint"}
            self.endpoints[endpoint["id"]] = endpoint
            self.made.append(endpoint | {"signing_secret": Secret.new(secrets.token_bytes).text})
            self._jobs.changed.notify_all()
        return Answer(200, self.made[-1])
