"""Lines of a batch, read and looked through without any server, and rooms in which batches run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from random import SystemRandom
from typing import Any

import pytest
from redis import Redis

from api.batches.endpoints import ENDPOINTS
from api.batches.line_error import LineError, LineRefused
from api.batches.lines import LineReader
from models.catalog import Catalog
from resilience.circuit.connecting import circuits_at
from resilience.circuit.settings import CircuitSettings
from storage.storage import Storage
from tasks.app import make_app
from tests.api.batches.run_room import RunRoom, catalog_of

MODELS = """
models:
  poet:
    engine: scripted
    limits: {max_tokens: 100, max_prompt_chars: 50}
  clerk:
    engine: scripted
    limits: {max_prompt_chars: 100000}
  encoder:
    engine: scripted
    script: {dimensions: 2}
aliases:
  gpt-4o: poet
"""
CHAT = "/v1/chat/completions"
BODIES: dict[str, dict[str, Any]] = {
    CHAT: {"model": "poet", "messages": [{"role": "user", "content": "Hark!"}]},
    "/v1/completions": {"model": "poet", "prompt": "Hark!"},
    "/v1/responses": {"model": "poet", "input": "Hark!"},
    "/v1/embeddings": {"model": "encoder", "input": "Hark!"},
}


def line_of(custom_id: str = "a", *, url: str = CHAT, body: dict[str, Any] | None = None, **changed: Any) -> bytes:
    """A good line, but for what is changed; a member that is None is left out."""
    whole = {"custom_id": custom_id, "method": "POST", "url": url, "body": BODIES[url] | (body or {})} | changed
    return json.dumps({name: value for name, value in whole.items() if value is not None}).encode()


@pytest.fixture(scope="session")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    path = tmp_path_factory.mktemp("catalog") / "models.yaml"
    path.write_text(MODELS)
    return Catalog.load(path)


@pytest.fixture
def reader(catalog: Catalog) -> Callable[..., LineReader]:
    def make(url: str = CHAT) -> LineReader:
        return LineReader(endpoint=ENDPOINTS[url], catalog=catalog, draw_seed=lambda: 7)

    return make


@pytest.fixture
def refusals(reader: Callable[..., LineReader]) -> Callable[..., list[LineError]]:
    """What a line is refused for."""

    def refuse(raw: bytes, url: str = CHAT) -> list[LineError]:
        with pytest.raises(LineRefused) as refused:
            reader(url).read(raw, 3)
        return list(refused.value.errors)

    return refuse


@pytest.fixture
def room(redis_client: Redis, redis_url: str, tmp_path: Path) -> Iterator[RunRoom]:
    circuits = circuits_at(redis_url, CircuitSettings(), random=SystemRandom())
    storage = Storage.at(f"file://{tmp_path}/files")
    yield RunRoom(redis_client, make_app(redis_url), circuits, catalog_of(tmp_path), storage)
    circuits.close()
