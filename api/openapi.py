"""What the OpenAPI document says that no single view does: the API as a whole, and its problems."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import flask_smorest  # type: ignore[import-untyped]

from api import problems
from api.problem_schema import EXAMPLE, ProblemSchema
from api.schema_documents import RuledSchemas


class ProblemApi(flask_smorest.Api):  # type: ignore[misc]
    """flask-smorest's Api, whose errors are documented as the problems that they are."""

    ERROR_SCHEMA = ProblemSchema
    DEFAULT_ERROR_RESPONSE_NAME = "DEFAULT_ERROR"

    def _register_error_handlers(self) -> None:
        """None: `api.error_handler` answers for every error."""

    def _register_pagination_header(self) -> None:
        """None: pages are told in the body and in `Link`."""

    def _register_responses(self) -> None:
        for status in HTTPStatus:
            self._register_problem(status.name, status.phrase)
        self._register_problem(self.DEFAULT_ERROR_RESPONSE_NAME, "Any other problem")

    def _register_problem(self, name: str, description: str) -> None:
        content = {problems.MEDIA_TYPE: {"schema": self.ERROR_SCHEMA, "example": EXAMPLE}}
        self.spec.components.response(name, {"description": description, "content": content}, lazy=True)


def spec_options() -> dict[str, Any]:
    """What the OpenAPI document says of the whole API."""
    return {
        "title": "Frontier",
        "version": "1.0.0",
        "openapi_version": "3.1.0",
        "marshmallow_plugin": RuledSchemas(),
        "info": {
            "description": "A durable queue in front of language models: submit a job, follow it, fetch its result. "
            "A job answered 202 reaches exactly one final state.",
        },
        "security": [{"key": []}],
        "components": {
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An API key, or the operator's (TRUTHGPT_API_TOKEN)",
                }
            }
        },
    }
