"""OpenAI's own client at `/v1/chat/completions`."""

from __future__ import annotations

import asyncio
import math
from typing import Any

from openai import AsyncOpenAI, OpenAI

ASKED: list[Any] = [
    {"role": "developer", "content": "Be brief."},
    {"role": "user", "content": [{"type": "text", "text": "Who "}, {"type": "text", "text": "knocks?"}]},
]


def check_a_chat_is_answered(client: OpenAI, model: str) -> None:
    done = client.chat.completions.create(model=model, messages=ASKED, max_completion_tokens=4)
    assert done.id.startswith("chatcmpl-")
    assert done._request_id
    assert done.choices[0].message.content
    assert done.choices[0].finish_reason in {"stop", "length"}
    assert done.usage is not None
    assert 0 < done.usage.completion_tokens <= 4
    assert done.usage.total_tokens == done.usage.prompt_tokens + done.usage.completion_tokens


def check_an_answer_can_be_handed_back(client: OpenAI, model: str) -> None:
    first = client.chat.completions.create(model=model, messages=ASKED, max_tokens=4)
    again: Any = [*ASKED, first.choices[0].message.model_dump(), {"role": "user", "content": "Who?"}]
    assert client.chat.completions.create(model=model, messages=again, max_tokens=4).choices[0].message.content


def check_what_changes_nothing_is_taken(client: OpenAI, model: str) -> None:
    given: Any = {
        "n": 1,
        "presence_penalty": 0,
        "frequency_penalty": 0.0,
        "tools": [],
        "response_format": {"type": "text"},
        "user": "me",
        "metadata": {"order": "42"},
        "stop": None,
        "service_tier": "auto",
    }
    assert client.chat.completions.create(model=model, messages=ASKED, max_tokens=2, **given).choices


def check_a_chat_is_streamed(client: OpenAI, model: str) -> None:
    asked: Any = {"model": model, "messages": ASKED, "max_tokens": 4, "seed": 7}
    whole = client.chat.completions.create(**asked)
    chunks = list(client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True}))
    *told, last = chunks
    assert told[0].choices[0].delta.role == "assistant"
    assert "".join(one.choices[0].delta.content or "" for one in told) == whole.choices[0].message.content
    assert [one.choices[0].finish_reason for one in told if one.choices[0].finish_reason] == [
        whole.choices[0].finish_reason
    ]
    assert all(one.usage is None for one in told)
    assert last.choices == []
    assert last.usage is not None
    assert whole.usage is not None
    assert last.usage.completion_tokens == whole.usage.completion_tokens
    assert len({one.id for one in chunks}) == 1


def check_a_stream_has_no_usage_unless_asked(client: OpenAI, model: str) -> None:
    chunks = list(client.chat.completions.create(model=model, messages=ASKED, max_tokens=2, stream=True))
    assert all(one.choices and one.usage is None for one in chunks)


def check_an_async_client_streams(client: OpenAI, model: str) -> None:
    async def text() -> str:
        async with AsyncOpenAI(
            base_url=client.base_url, api_key=client.api_key, _strict_response_validation=True
        ) as other:
            stream = await other.chat.completions.create(model=model, messages=ASKED, max_tokens=3, stream=True)
            return "".join([one.choices[0].delta.content or "" async for one in stream])

    assert asyncio.run(text())


def check_log_probabilities_are_told(client: OpenAI, model: str) -> None:
    asked: Any = {"model": model, "messages": ASKED, "max_tokens": 3, "seed": 7, "logprobs": True, "top_logprobs": 5}
    done = client.chat.completions.create(**asked)
    assert done.choices[0].logprobs is not None
    told = done.choices[0].logprobs.content or []
    assert done.usage is not None
    assert len(told) == done.usage.completion_tokens
    for one in told:
        assert one.logprob <= 0
        assert len(one.top_logprobs) == 5
        assert sum(math.exp(candidate.logprob) for candidate in one.top_logprobs) <= 1.001
    streamed: list[Any] = []
    for chunk in client.chat.completions.create(**asked, stream=True):
        if chunk.choices[0].logprobs:
            streamed += chunk.choices[0].logprobs.content
    assert [one.token for one in streamed] == [one.token for one in told]
