"""What `frontier doctor` asks of the servers that run models for us."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

import requests

from models.catalog import Catalog, CatalogError, ModelConfig, Upstream, config_file
from models.upstream_line import Line, cuttable_session
from scripts.finding import Finding, Level

PATIENCE_SECONDS = 5.0
LARGEST_LIST_BYTES = 4_000_000
READ_BYTES = 65_536
KEY_REFUSED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


def check_upstreams(env: Mapping[str, str]) -> Iterator[Finding]:
    """Whether each server answers, takes our key and has the model; nothing if the configuration cannot be read."""
    try:
        catalog = Catalog.load(config_file(env))
    except CatalogError:
        return
    for model in catalog.models.values():
        if model.upstream is not None:
            yield _check(model, model.upstream, env)


def _check(model: ModelConfig, upstream: Upstream, env: Mapping[str, str]) -> Finding:
    subject, where = f"model {model.name}", f"models.{model.name}.upstream"
    try:
        key = model.upstream_key(env)
    except CatalogError as error:
        return Finding(subject, Level.BAD, str(error), f"Set {upstream.api_key_env} for the workers of this model.")
    try:
        status, names = _models_of(upstream, key)
    except requests.RequestException:
        advice = f"Start it, or correct {where}.url. Jobs are tried again, then they fail."
        return Finding(subject, Level.WARN, f"{upstream.url} does not answer", advice)
    if status in KEY_REFUSED:
        advice = f"Correct {where}.api_key_env, or the key in that variable."
        return Finding(subject, Level.BAD, f"{upstream.url} refuses our key (HTTP {status})", advice)
    if names is None:
        words = f"{upstream.url} answers, but does not list its models (HTTP {status})"
        return Finding(subject, Level.WARN, words, f"If jobs fail, look at {where}.url.")
    if upstream.model not in names:
        words = f"{upstream.url} does not list {upstream.model!r}"
        return Finding(subject, Level.WARN, words, f"If jobs fail, correct {where}.model.")
    return Finding(subject, Level.OK, f"{upstream.model} at {upstream.url}")


def _models_of(upstream: Upstream, key: str | None) -> tuple[int, list[str] | None]:
    """Status and names of `/models`; no names if it answers something else than OpenAI's list."""
    session = cuttable_session(upstream.url, connections=1, api_key=key, headers=upstream.headers)
    with (
        session,
        Line().present(),
        session.get(
            upstream.url.rstrip("/") + "/models", timeout=PATIENCE_SECONDS, allow_redirects=False, stream=True
        ) as response,
    ):
        body = b""
        for part in response.iter_content(READ_BYTES):  # one chunk at a time, if the server sends chunks
            body += part
            if len(body) > LARGEST_LIST_BYTES:
                break
    try:
        document: Any = json.loads(body)
        names = [str(entry["id"]) for entry in document["data"]]
    except (ValueError, LookupError, TypeError, RecursionError):
        return response.status_code, None
    return response.status_code, names if response.status_code == HTTPStatus.OK else None
