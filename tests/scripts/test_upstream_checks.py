"""What the doctor finds of models that run on another server."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from scripts.finding import Finding, Level
from scripts.ports import free_port
from scripts.upstream_checks import check_upstreams
from tests.models.openai_stand_in import Behaviour, Problem, StandIn, Stream

KEY = "sk-very-secret"
LIST = {"object": "list", "data": [{"id": "theirs", "object": "model"}]}
CONFIG = """
models:
  far: {engine: upstream, upstream: {url: "%s", model: %s, api_key_env: FAR_KEY}}
  near: {engine: scripted}
"""


@pytest.fixture
def server() -> Iterator[StandIn]:
    stand_in = StandIn()
    stand_in.look = answer
    yield stand_in
    stand_in.close()


def answer(path: str, headers: Mapping[str, str]) -> Behaviour:
    if path != "/v1/models":
        return Problem(404, {})
    return Problem(200, LIST) if headers.get("Authorization") == f"Bearer {KEY}" else Problem(401, {})


def look(folder: Path, url: str, *, model: str = "theirs", key: str = KEY) -> Finding:
    config = folder / "models.yaml"
    config.write_text(CONFIG % (url, model))
    [finding] = check_upstreams({"TRUTHGPT_CONFIG": str(config), "FAR_KEY": key})
    assert finding.subject == "model far"
    assert KEY not in finding.words + finding.advice
    return finding


def test_a_server_that_has_the_model_is_sound(server: StandIn, tmp_path: Path) -> None:
    assert look(tmp_path, server.url) == Finding("model far", Level.OK, f"theirs at {server.url}")


def test_a_list_that_comes_in_several_chunks_is_read_to_its_end(server: StandIn, tmp_path: Path) -> None:
    whole = json.dumps(LIST).encode()
    server.look = lambda _path, _headers: Stream([whole[:10], whole[10:]], content_type="application/json")
    assert look(tmp_path, server.url).level is Level.OK


def test_a_model_that_the_server_does_not_list_is_a_warning(server: StandIn, tmp_path: Path) -> None:
    finding = look(tmp_path, server.url, model="others")
    assert finding.level is Level.WARN
    assert "models.far.upstream.model" in finding.advice


def test_a_server_without_a_list_of_models_is_a_warning(server: StandIn, tmp_path: Path) -> None:
    assert look(tmp_path, f"{server.url}/elsewhere").level is Level.WARN


def test_a_key_that_is_refused_is_bad(server: StandIn, tmp_path: Path) -> None:
    finding = look(tmp_path, server.url, key="another")
    assert finding.level is Level.BAD
    assert "api_key_env" in finding.advice


def test_a_key_that_is_missing_is_bad_before_anything_is_asked(tmp_path: Path) -> None:
    finding = look(tmp_path, "https://nowhere.invalid/v1", key="")
    assert finding.level is Level.BAD
    assert "FAR_KEY" in finding.advice


def test_a_server_that_is_away_is_a_warning(tmp_path: Path) -> None:
    finding = look(tmp_path, f"http://127.0.0.1:{free_port()}/v1")
    assert finding.level is Level.WARN
    assert "does not answer" in finding.words


def test_a_configuration_that_cannot_be_read_is_left_to_its_own_finding(tmp_path: Path) -> None:
    assert list(check_upstreams({"TRUTHGPT_CONFIG": str(tmp_path / "nowhere")})) == []
