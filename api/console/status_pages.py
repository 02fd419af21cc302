"""`/status`: how the system stands, drawn anew every two seconds."""

from __future__ import annotations

from flask import Response, jsonify, render_template

from api.auth import caller
from api.console.pages import Pages
from api.console.standing import Standing
from jobs.access.api_key import Scope


def add_status_pages(pages: Pages, standing: Standing) -> None:
    """Add the page, and what its script asks for."""

    @pages.page("GET", "/status", scope=Scope.JOBS_READ)
    def status() -> str:
        return render_template("status.html")

    @pages.page("GET", "/status/now.json", scope=Scope.JOBS_READ)
    def status_now() -> Response:
        return jsonify(standing.now(caller()))

    @pages.page("GET", "/status/lately.json", scope=Scope.JOBS_READ)
    def status_lately() -> Response:
        return jsonify(standing.lately(caller()))
