"""Which methods fit an address: those that are documented for it, also where an address with a parameter fits too."""

from __future__ import annotations

from typing import Final, NoReturn

from flask import Flask, request
from werkzeug.exceptions import MethodNotAllowed
from werkzeug.routing import Rule

METHODS: Final = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
REFUSAL: Final = "refuse:"
"""How the names of endpoints begin that only say which methods there are."""


def methods_at(app: Flask, path: str) -> list[str]:
    """The methods of the routes at *path*, which is written with its parameters."""
    return sorted({method for rule in _answering(app) if rule.rule == path for method in rule.methods or ()})


def refuse_at_literal_addresses(app: Flask) -> None:
    """Have `/v1/jobs/cancel` refuse what is no call of its own, in the place of taking `cancel` for the id of a job."""
    adapter = app.url_map.bind("localhost")
    for path in {rule.rule for rule in _answering(app) if not rule.arguments}:
        own = methods_at(app, path)
        if set(adapter.allowed_methods(path)) - set(own):
            _refuse(app, path, own)


def _answering(app: Flask) -> list[Rule]:
    return [rule for rule in app.url_map.iter_rules() if not rule.endpoint.startswith(REFUSAL)]


def _refuse(app: Flask, path: str, own: list[str]) -> None:
    def refuse() -> NoReturn:
        raise MethodNotAllowed(own)

    others = sorted(METHODS - set(own))
    app.add_url_rule(path, f"{REFUSAL}{path}", refuse, methods=others, provide_automatic_options=False)


def methods_of_request(app: Flask) -> list[str]:
    """Those at the address of the request at hand."""
    rule = request.url_rule
    return methods_at(app, rule.rule) if rule is not None else []
