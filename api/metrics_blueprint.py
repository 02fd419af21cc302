"""`/metrics`: for Prometheus."""

from __future__ import annotations

from http import HTTPStatus

from flask import Response, request

from api.blueprint import Blueprint
from jobs.access.api_key import Scope
from observability.metrics.page import MetricsPage

PATH = "/metrics"
MEDIA_TYPE = "text/plain"

EXAMPLE = """\
# HELP inference_queue_depth Jobs that wait.
# TYPE inference_queue_depth gauge
inference_queue_depth{model="shakespeare"} 3.0
"""


def metrics_blueprint(page: MetricsPage) -> Blueprint:
    """The page, for whoever has the scope `admin`."""
    blueprint = Blueprint("metrics", __name__, url_prefix=PATH, description="Numbers for Prometheus")

    @blueprint.view("GET", "", scope=Scope.ADMIN, operationId="getMetrics")
    @blueprint.answers(HTTPStatus.OK, {"type": "string"}, content_type=MEDIA_TYPE, example=EXAMPLE)
    @blueprint.refuses(HTTPStatus.UNAUTHORIZED)
    def get() -> Response:
        """Read the metrics.

        In Prometheus's text format, or in OpenMetrics for who asks for that. What is told of all processes is absent
        while Redis is away.
        """
        return answer(page)

    return blueprint


def answer(page: MetricsPage) -> Response:
    """The page in the form that the request at hand asks for."""
    told = page.tell(request.headers.get("Accept", ""))
    return Response(told.text, content_type=told.media_type, headers={"Cache-Control": "no-store"})
