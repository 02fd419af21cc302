"""OpenAI's own client at `/v1/files`."""

from __future__ import annotations

import io
import json

import openai
from openai import OpenAI

from tests.openai.raised import raised

LINES = b"".join(
    json.dumps({"custom_id": str(number), "method": "POST", "url": "/v1/chat/completions", "body": {}}).encode() + b"\n"
    for number in range(1000)
)


def check_a_file_is_sent_looked_at_fetched_and_deleted(client: OpenAI, _model: str) -> None:
    sent = client.files.create(file=("größe.jsonl", io.BytesIO(LINES)), purpose="batch")
    assert (sent.object, sent.bytes, sent.filename, sent.purpose) == ("file", len(LINES), "größe.jsonl", "batch")
    assert client.files.retrieve(sent.id) == sent
    assert client.files.content(sent.id).content == LINES
    deleted = client.files.delete(sent.id)
    assert (deleted.id, deleted.deleted) == (sent.id, True)
    error = raised(openai.NotFoundError, lambda: client.files.retrieve(sent.id))
    assert error.code == "file_not_found"


def check_a_file_is_read_as_a_stream(client: OpenAI, _model: str) -> None:
    sent = client.files.create(file=LINES, purpose="batch")
    with client.files.with_streaming_response.content(sent.id) as response:
        assert b"".join(response.iter_bytes(4096)) == LINES


def check_a_file_ends_when_its_sender_says(client: OpenAI, _model: str) -> None:
    body = {"expires_after[anchor]": "created_at", "expires_after[seconds]": "3600"}
    sent = client.files.create(file=("a.jsonl", LINES), purpose="batch", extra_body=body)
    assert sent.to_dict()["expires_at"] == sent.created_at + 3600


def check_files_are_listed_in_pages(client: OpenAI, _model: str) -> None:
    ids = [client.files.create(file=(f"{number}.jsonl", LINES), purpose="batch").id for number in range(3)]
    listed = [one.id for one in client.files.list(purpose="batch", extra_query={"limit": 2})]
    assert set(listed) >= set(ids)
    assert len(listed) == len(set(listed))


def check_another_purpose_is_refused_by_name(client: OpenAI, _model: str) -> None:
    error = raised(openai.BadRequestError, lambda: client.files.create(file=("a", LINES), purpose="fine-tune"))
    assert (error.param, error.code) == ("purpose", "invalid_value")
