"""Tells which methods fit an address below `/v1/models`, where names may hold slashes and no route can tell."""

from __future__ import annotations

from typing import NoReturn

from werkzeug.exceptions import MethodNotAllowed

from api.addresses import REFUSAL
from api.blueprint import Blueprint
from api.errors import UnknownModel
from api.model_lookup import find_model
from models.catalog import Catalog, ModelConfig

_CHANGES = frozenset({"pause", "drain", "resume"})


def model_at(catalog: Catalog, path: str) -> ModelConfig:
    """The model of that name or alias; raises UnknownModel, or MethodNotAllowed where a mode is set."""
    try:
        return find_model(catalog, path)
    except UnknownModel:
        name, _, change = path.rpartition("/")
        if change in _CHANGES and catalog.resolve(name):
            raise MethodNotAllowed(["POST", "OPTIONS"]) from None
        raise


def refuse_other_methods(blueprint: Blueprint, catalog: Catalog) -> None:
    """Answer what neither looks at a model nor sets a mode: 405 where a model is, 404 elsewhere."""

    def refuse(name: str) -> NoReturn:
        model_at(catalog, name)
        raise MethodNotAllowed(["GET", "HEAD", "OPTIONS"])

    rule = f"{blueprint.url_prefix}/<path:name>"
    methods = ["POST", "PUT", "PATCH", "DELETE"]
    # Past the blueprint, which would document it.
    blueprint.record(
        lambda setup: setup.app.add_url_rule(
            rule, f"{REFUSAL}{rule}", refuse, methods=methods, provide_automatic_options=False
        )
    )
