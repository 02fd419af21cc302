"""`/v1/models`: what can be asked, in OpenAI's form."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from marshmallow import Schema, fields

from api import examples
from api.blueprint import ANY_KEY, Blueprint
from api.model_addresses import model_at, refuse_other_methods
from api.model_gate import ModelGate
from api.model_lookup import find_model
from api.model_modes import add_mode_views
from jobs.store import JobStore
from models.catalog import Catalog, ModelConfig
from tasks.dispatch import Dispatcher

OWNER = "frontier"


class ModelSchema(Schema):
    """A model, or another name for one."""

    id = fields.String(required=True)
    object = fields.Constant("model", required=True)
    created = fields.Integer(required=True, metadata={"description": "When the configuration was written"})
    owned_by = fields.String(required=True)
    alias_of = fields.String(metadata={"description": "The model behind an alias"})
    max_tokens = fields.Integer(required=True, metadata={"description": "The most new tokens of one job"})
    max_prompt_chars = fields.Integer(required=True)


class ModelListSchema(Schema):
    """The default model, the other models, then the aliases."""

    object = fields.Constant("list", required=True)
    data = fields.List(fields.Nested(ModelSchema), required=True)


def models_blueprint(
    *, catalog: Catalog, created: int, store: JobStore, dispatcher: Dispatcher, gate: ModelGate
) -> Blueprint:
    """The models of the configuration, and their modes; `created` is a Unix second."""
    blueprint = Blueprint("models", __name__, url_prefix="/v1/models", description="What can be asked")

    @blueprint.view("GET", "", scope=ANY_KEY, operationId="listModels")
    @blueprint.answers(HTTPStatus.OK, ModelListSchema, example=examples.MODELS)
    @blueprint.refuses(HTTPStatus.UNAUTHORIZED)
    def list_models() -> dict[str, Any]:
        """List the models.

        The default model stands first, aliases stand last.
        """
        others = [model for model in catalog.models.values() if model is not catalog.default]
        names = [model.name for model in (catalog.default, *others)] + list(catalog.aliases)
        return {"object": "list", "data": [describe(name, find_model(catalog, name)) for name in names]}

    @blueprint.view("GET", "/<path:name>", scope=ANY_KEY, operationId="getModel")
    @blueprint.answers(HTTPStatus.OK, ModelSchema, example=examples.MODEL)
    @blueprint.refuses(HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND)
    def get(name: str) -> dict[str, Any]:
        """Look at a model.

        By its name or an alias, which then is its `id`.
        """
        return describe(name, model_at(catalog, name))

    refuse_other_methods(blueprint, catalog)
    add_mode_views(blueprint, store=store, dispatcher=dispatcher, catalog=catalog, gate=gate)

    def describe(name: str, model: ModelConfig) -> dict[str, Any]:
        body = {
            "id": name,
            "object": "model",
            "created": created,
            "owned_by": OWNER,
            "max_tokens": model.limits.max_tokens,
            "max_prompt_chars": model.limits.max_prompt_chars,
        }
        return body if name == model.name else body | {"alias_of": model.name}

    return blueprint
