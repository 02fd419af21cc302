"""The OpenAPI document, and a page that shows it without loading anything from elsewhere."""

from __future__ import annotations

import json
from functools import cache
from http import HTTPStatus
from importlib import resources

from apispec import APISpec
from flask import Flask, Response, redirect
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as AnyResponse

from api import problem_types

_FILES = {"docs.css": "text/css", "docs.js": "text/javascript"}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def add_documentation(app: Flask, spec: APISpec) -> None:
    """Serve `/openapi.json`, `/docs` and the addresses that problems have as their type."""

    @cache
    def document() -> str:
        body = spec.to_dict() | {"x-problems": _known_problems()}
        for item in body["paths"].values():
            for operation in item.values():
                if isinstance(operation, dict):
                    operation["summary"] = operation["summary"].rstrip(".")
                    operation["responses"] = dict(sorted(operation["responses"].items()))
        return json.dumps(body, indent=2, ensure_ascii=False) + "\n"

    @app.get("/openapi.json")
    def openapi() -> Response:
        return Response(document(), mimetype="application/json")

    @app.get("/docs")
    def docs() -> Response:
        return _page("docs.html", "text/html")

    @app.get("/docs/<name>")
    def asset(name: str) -> Response:
        if name not in _FILES:
            raise NotFound
        return _page(name, _FILES[name])

    @app.get("/problems/<slug>")
    def problem(slug: str) -> AnyResponse:
        return redirect(f"/docs#problem-{slug}", HTTPStatus.FOUND)


def _page(name: str, media_type: str) -> Response:
    text = resources.files("api").joinpath("static", name).read_text(encoding="utf-8")
    response = Response(text, mimetype=media_type)
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-cache"
    return response


def _known_problems() -> list[dict[str, object]]:
    rows = [*problem_types.PROBLEMS.values(), *problem_types.OF_STATUS.values(), *problem_types.OF_ENDED_JOBS.values()]
    return [
        {"slug": row.slug, "status": row.status.value, "title": row.title, "retryable": row.retryable}
        for row in sorted({row.slug: row for row in rows}.values(), key=lambda row: (row.status, row.slug))
    ]
