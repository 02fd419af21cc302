"""Every field of OpenAI's own request types is supported, taken or refused by a declaration, and the docs list it."""

from __future__ import annotations

from typing import Any

import pytest
from openai.types import batch_create_params, completion_create_params, embedding_create_params
from openai.types.chat import (
    ChatCompletionAssistantMessageParam,
    ChatCompletionDeveloperMessageParam,
    ChatCompletionStreamOptionsParam,
    ChatCompletionSystemMessageParam,
    ChatCompletionUserMessageParam,
)
from openai.types.chat import completion_create_params as chat_create_params

from api.batches.batch_schema import NewBatchSchema, OutputLifetimeSchema
from api.chat_schema import ChatCompletionRequestSchema
from api.completion_schema import CompletionRequestSchema
from api.embedding_schema import EmbeddingRequestSchema
from api.openai_fields import OpenAISchema, accepted_values, support
from api.openai_generation import TextStreamOptionsSchema
from api.openai_messages import ChatTurnSchema
from tests.docs.page_blocks import DOCS

OURS = {"cache", "cache_ttl_s", "top_k", "ignore_eos", "on_disconnect", "priority"}

REQUESTS: dict[str, tuple[type[OpenAISchema], Any, set[str]]] = {
    "/v1/chat/completions": (
        ChatCompletionRequestSchema,
        chat_create_params.CompletionCreateParamsStreaming,
        OURS,
    ),
    "/v1/completions": (CompletionRequestSchema, completion_create_params.CompletionCreateParamsStreaming, OURS),
    "/v1/embeddings": (
        EmbeddingRequestSchema,
        embedding_create_params.EmbeddingCreateParams,
        {"cache", "cache_ttl_s", "priority"},
    ),
}


@pytest.mark.parametrize("path", REQUESTS)
def test_every_field_of_a_request_is_declared(path: str) -> None:
    schema, theirs, ours = REQUESTS[path]

    assert set(support(schema)) == set(theirs.__annotations__) | ours


def test_every_field_of_a_batch_is_declared() -> None:
    assert set(support(NewBatchSchema)) == set(batch_create_params.BatchCreateParams.__annotations__)
    assert set(support(OutputLifetimeSchema)) == set(batch_create_params.OutputExpiresAfter.__annotations__)


@pytest.mark.parametrize(
    "theirs",
    [
        ChatCompletionSystemMessageParam,
        ChatCompletionDeveloperMessageParam,
        ChatCompletionUserMessageParam,
        ChatCompletionAssistantMessageParam,
    ],
)
def test_every_member_of_a_message_is_declared(theirs: Any) -> None:
    assert set(theirs.__annotations__) <= set(support(ChatTurnSchema))


def test_every_option_of_a_stream_is_declared() -> None:
    assert set(support(TextStreamOptionsSchema)) == set(ChatCompletionStreamOptionsParam.__annotations__)


def written(schema: type[OpenAISchema], path: str) -> str:
    """The row of a request in docs/guide.md."""

    def names(kind: str) -> str:
        told = []
        for name, what in support(schema).items():
            if what == kind:
                told.append(f"`{name}` ({accepted_values(schema, name)})" if kind == "accepted" else f"`{name}`")
        return ", ".join(sorted(told))

    return f"| `POST {path}` | {names('supported')} | {names('accepted')} | {names('refused')} |"


@pytest.mark.parametrize("path", REQUESTS)
def test_the_documentation_says_what_becomes_of_each_field(path: str) -> None:
    row = written(REQUESTS[path][0], path)

    assert row in (DOCS / "guide.md").read_text(encoding="utf-8"), row
