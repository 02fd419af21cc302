"""Chat completions, completions and embeddings, as OpenAI's clients call them."""

from __future__ import annotations

import base64
import json
import math
from typing import Any

from scripts.event_stream import ServerEvent
from scripts.test_api.answer import Answer, Skipped, expect
from scripts.test_api.check import case
from scripts.test_api.system import PROMPT, TOKENS, System

CHAT = "POST /v1/chat/completions"
COMPLETIONS = "POST /v1/completions"
EMBEDDINGS = "POST /v1/embeddings"


@case("openai", CHAT, "a message, a finish reason and the usage")
def chat(system: System) -> None:
    answer = system.call(CHAT, json=_chat(system)).expect(200)
    expect(answer["object"] == "chat.completion", f"object is {answer['object']}")
    choice = _one_choice(answer)
    expect(choice["message"]["role"] == "assistant" and choice["finish_reason"] in {"stop", "length"}, "no message")
    _expect_usage(answer["usage"])


@case("openai", CHAT, "streamed it is the same text, then the usage, then [DONE]")
def chat_stream(system: System) -> None:
    text = _one_choice(system.call(CHAT, json=_chat(system)).expect(200))["message"]["content"]
    streamed = _chat(system) | {"stream": True, "stream_options": {"include_usage": True}}
    chunks = _chunks(system.call(CHAT, json=streamed).expect(200).events)
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    expect(deltas[0].get("role") == "assistant", "the first chunk has no role")
    expect("".join(delta.get("content") or "" for delta in deltas) == text, "the chunks are another text")
    _expect_usage(chunks[-1].get("usage"))


@case("openai", CHAT, "400 for fields that it does not know or do, 404 for such a model")
def chat_refusals(system: System) -> None:
    unknown = system.call(CHAT, json=_chat(system) | {"no_such_field": 1}).expect(400).blames("no_such_field")
    expect(unknown["error"]["code"] == "unknown_parameter", f"the code is {unknown['error']['code']}")
    system.call(CHAT, json=_chat(system) | {"n": 2}).expect(400).blames("n")
    missing = system.call(CHAT, json=_chat(system) | {"model": "no-such-model"}).expect(404)
    expect(missing["error"]["code"] == "model_not_found", f"the code is {missing['error']['code']}")


@case("openai", COMPLETIONS, "a text, a finish reason and the usage")
def completion(system: System) -> None:
    answer = system.call(COMPLETIONS, json=_completion(system)).expect(200)
    expect(answer["object"] == "text_completion", f"object is {answer['object']}")
    expect(_one_choice(answer)["finish_reason"] in {"stop", "length"}, "no finish reason")
    _expect_usage(answer["usage"])


@case("openai", COMPLETIONS, "streamed it is the same text, then [DONE]")
def completion_stream(system: System) -> None:
    text = _one_choice(system.call(COMPLETIONS, json=_completion(system)).expect(200))["text"]
    chunks = _chunks(system.call(COMPLETIONS, json=_completion(system) | {"stream": True}).expect(200).events)
    streamed = "".join(choice["text"] for chunk in chunks for choice in chunk["choices"])
    expect(streamed == text, "the chunks are another text")


@case("openai", EMBEDDINGS, "vectors of length 1, the same as numbers and in base64")
def embeddings(system: System) -> None:
    if system.encoder is None:
        raise Skipped("no model that embeds is configured")
    texts = ["Who knocks?", "A friend."]
    body = {"model": system.encoder, "input": texts}
    plain = system.call(EMBEDDINGS, json=body | {"encoding_format": "float"}).expect(200)
    vectors = [entry["embedding"] for entry in plain["data"]]
    expect(len(vectors) == len(texts), f"there are {len(vectors)} vectors, not {len(texts)}")
    expect(all(math.isclose(math.hypot(*vector), 1, abs_tol=1e-3) for vector in vectors), "a length is not 1")
    packed = system.call(EMBEDDINGS, json=body | {"encoding_format": "base64"}).expect(200)
    sizes = [len(base64.b64decode(entry["embedding"])) for entry in packed["data"]]
    expect(sizes == [4 * len(vector) for vector in vectors], "base64 has another length")


def _chat(system: System) -> dict[str, Any]:
    messages = [{"role": "user", "content": PROMPT}]
    return {"model": system.model, "messages": messages, "max_tokens": TOKENS, "temperature": 0, "cache": "bypass"}


def _completion(system: System) -> dict[str, Any]:
    return {"model": system.model, "prompt": PROMPT, "max_tokens": TOKENS, "temperature": 0, "cache": "bypass"}


def _one_choice(answer: Answer) -> dict[str, Any]:
    [choice] = answer["choices"]
    return dict(choice)


def _chunks(events: list[ServerEvent]) -> list[dict[str, Any]]:
    expect(bool(events) and events[-1].data == "[DONE]", "the stream does not end with [DONE]")
    return [json.loads(event.data) for event in events[:-1]]


def _expect_usage(usage: dict[str, Any] | None) -> None:
    expect(usage is not None and usage["completion_tokens"] >= 1, "the usage counts no token")


CASES = (chat, chat_stream, chat_refusals, completion, completion_stream, embeddings)
