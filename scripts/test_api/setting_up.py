"""Finds out what a system has: its document, a model for text and one for vectors."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from scripts.api_errors import ApiProblem, ApiUnreachable, json_object
from scripts.test_api.system import System
from scripts.transport import Call, Transport


def set_up(system: System, *, model: str | None) -> dict[str, Any]:
    """The OpenAPI document of *system*, which is told its models; raises ApiProblem, ApiUnreachable.

    *model* is a name or an alias; None takes the first that generates text.
    """
    document = _document(system.transport)
    response = system.transport.send(Call(method="GET", path="/v1/models"))
    models = {str(entry["id"]): entry for entry in json_object(response).get("data", [])}
    encoders = [name for name, entry in models.items() if "alias_of" not in entry and _embeds(system, name)]
    texts = [name for name in models if name not in encoders and models[name].get("alias_of") not in encoders]
    if model is not None and model not in texts:
        raise ApiProblem(status=response.status_code, title=f"no model that generates text is called {model!r}")
    if not texts:
        raise ApiProblem(status=response.status_code, title="there is no model that generates text")
    chosen = model or texts[0]
    system.model = str(models[chosen].get("alias_of", chosen))
    system.model_limit = int(models[system.model]["max_tokens"])
    system.encoder = encoders[0] if encoders else None
    return document


def _document(transport: Transport) -> dict[str, Any]:
    response = transport.send(Call(method="GET", path="/openapi.json"))
    document = json_object(response)
    if "/v1/jobs" not in document.get("paths", ()):
        raise ApiProblem.of_stranger(transport.url, response)
    return document


def _embeds(system: System, model: str) -> bool:
    """Whether a model embeds; one that generates text refuses at once, and an encoder may have no worker."""
    try:
        answer = system.call("POST /v1/embeddings", json={"model": model, "input": "Who knocks?"})
    except ApiUnreachable:
        return True
    return answer.status == HTTPStatus.OK
