"""Style and scripts of the pages, from this host alone."""

from __future__ import annotations

from functools import cache
from importlib import resources

from flask import Response, request
from werkzeug.exceptions import NotFound

from api.blueprint import NO_KEY
from api.console.pages import Pages

_TYPES = {".css": "text/css", ".js": "text/javascript"}


def add_assets(pages: Pages) -> None:
    """Serve the files of `static/`, which hold nothing private."""

    @pages.page("GET", "/console/<name>", scope=NO_KEY)
    def asset(name: str) -> Response:
        if name not in _files():
            raise NotFound
        response = Response(_files()[name], mimetype=_TYPES[name[name.rindex(".") :]])
        response.headers["Cache-Control"] = "no-cache"
        response.add_etag()
        response.make_conditional(request)
        return response


@cache
def _files() -> dict[str, bytes]:
    folder = resources.files("api.console").joinpath("static")
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.name.endswith(tuple(_TYPES))}
