"""OpenAI's own client at `/v1/batches`."""

from __future__ import annotations

import json
from typing import Any

import openai
from openai import OpenAI

from tests.openai.raised import raised

URL: Any = "/v1/chat/completions"


def made(client: OpenAI, model: str, **given: Any) -> Any:
    body = {"model": model, "messages": [{"role": "user", "content": "Who knocks?"}], "max_tokens": 4}
    line = {"custom_id": "1", "method": "POST", "url": URL, "body": body}
    file = client.files.create(file=("lines.jsonl", json.dumps(line).encode()), purpose="batch")
    return client.batches.create(input_file_id=file.id, endpoint=URL, completion_window="24h", **given)


def check_a_batch_is_made_retrieved_and_cancelled(client: OpenAI, model: str) -> None:
    batch = made(client, model, metadata={"order": "42"})
    assert (batch.object, batch.endpoint, batch.completion_window) == ("batch", URL, "24h")
    assert batch.metadata == {"order": "42"}
    assert batch.expires_at == batch.created_at + 86_400
    assert client.batches.retrieve(batch.id).created_at == batch.created_at
    assert client.batches.cancel(batch.id).status not in {"validating", "in_progress"}
    error = raised(openai.NotFoundError, lambda: client.batches.retrieve("batch_" + "0" * 22))
    assert error.code == "batch_not_found"


def check_batches_are_listed_in_pages(client: OpenAI, model: str) -> None:
    ids = {made(client, model).id for _ in range(3)}
    listed = [one.id for one in client.batches.list(limit=2)]
    assert set(listed) >= ids
    assert len(listed) == len(set(listed))
    for batch_id in ids:
        client.batches.cancel(batch_id)


def check_a_file_that_is_unknown_is_refused_by_name(client: OpenAI, _model: str) -> None:
    def create() -> Any:
        return client.batches.create(input_file_id="file-" + "0" * 22, endpoint=URL, completion_window="24h")

    error = raised(openai.BadRequestError, create)
    assert (error.param, error.code) == ("input_file_id", "file_not_found")
