"""OpenAI's own client at `/v1/models`."""

from __future__ import annotations

import openai
from openai import OpenAI

from tests.openai.raised import raised


def check_models_are_listed(client: OpenAI, model: str) -> None:
    assert model in {one.id for one in client.models.list()}


def check_a_model_is_looked_at(client: OpenAI, model: str) -> None:
    assert client.models.retrieve(model).object == "model"


def check_an_unknown_model_is_404(client: OpenAI, model: str) -> None:
    error = raised(openai.NotFoundError, lambda: client.models.retrieve(f"no-{model}"))
    assert error.code == "model_not_found"
