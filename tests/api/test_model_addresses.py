"""Names of models may hold slashes, so what follows `/v1/models/` is read as a name first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from api.process import ApiProcess
from tests.api.conftest import Api


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize("path", ["poet/pause", "poet/drain", "gpt-4o/resume"])
def test_a_mode_is_set_by_post_alone(api: Api, method: str, path: str) -> None:
    response = api.send(method, f"/v1/models/{path}")

    assert (response.status_code, response.json["error"]["code"]) == (405, "method_not_allowed")
    assert allowed(response.headers["Allow"]) == {"POST", "OPTIONS"}


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_model_can_only_be_looked_at(api: Api, method: str) -> None:
    response = api.send(method, "/v1/models/gpt-4o")

    assert (response.status_code, response.json["error"]["code"]) == (405, "method_not_allowed")
    assert allowed(response.headers["Allow"]) == {"GET", "HEAD", "OPTIONS"}


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["poet/foo", "poet/pause/pause", "oracle", "oracle/foo", "pause"])
def test_where_no_model_is_nothing_is_found(api: Api, method: str, path: str) -> None:
    response = api.send(method, f"/v1/models/{path}")

    assert (response.status_code, response.json["error"]["code"]) == (404, "model_not_found")


def test_a_model_may_be_called_like_a_call(
    make_process: Callable[..., ApiProcess], redis_url: str, tmp_path: Path
) -> None:
    del redis_url
    config = tmp_path / "models.yaml"
    config.write_text("models:\n  org: {engine: scripted}\n  org/pause: {engine: scripted}\n")
    api = Api(make_process(env={"TRUTHGPT_CONFIG": str(config)}).test_client())

    assert api.get("/v1/models/org/pause").json["id"] == "org/pause"
    assert api.post("/v1/models/org/pause/pause").json["model"] == "org/pause"
    assert api.post("/v1/models/org/pause").json["model"] == "org"


def allowed(header: str) -> set[str]:
    return set(header.replace(" ", "").split(","))
