"""OpenAI's own client at `/v1/completions`."""

from __future__ import annotations

from typing import Any

from openai import OpenAI

PROMPT = "O Romeo, Romeo,"


def check_a_prompt_is_completed(client: OpenAI, model: str) -> None:
    for prompt in (PROMPT, [PROMPT]):
        done = client.completions.create(model=model, prompt=prompt, max_tokens=4)
        assert done.id.startswith("cmpl-")
        assert done.object == "text_completion"
        assert done.choices[0].text
        assert done.usage is not None
        assert 0 < done.usage.completion_tokens <= 4


def check_a_completion_is_streamed(client: OpenAI, model: str) -> None:
    """Not strict: until the end OpenAI's own server sends `finish_reason: null`, which its client's type forbids."""
    asked: Any = {"model": model, "prompt": PROMPT, "max_tokens": 4, "seed": 7}
    whole = client.completions.create(**asked)
    with OpenAI(base_url=client.base_url, api_key=client.api_key) as lenient:
        chunks = list(lenient.completions.create(**asked, stream=True, stream_options={"include_usage": True}))
    *told, last = chunks
    assert "".join(one.choices[0].text for one in told) == whole.choices[0].text
    assert told[-1].choices[0].finish_reason == whole.choices[0].finish_reason
    assert last.usage is not None


def check_log_probabilities_have_the_older_form(client: OpenAI, model: str) -> None:
    done = client.completions.create(model=model, prompt=PROMPT, max_tokens=3, logprobs=2)
    told = done.choices[0].logprobs
    assert done.usage is not None
    assert told is not None
    assert told.tokens is not None
    assert told.token_logprobs is not None
    assert told.top_logprobs is not None
    assert told.text_offset is not None
    count = done.usage.completion_tokens
    assert [len(told.tokens), len(told.token_logprobs), len(told.top_logprobs), len(told.text_offset)] == [count] * 4
    assert told.text_offset[0] == 0
    for token, logprob, top in zip(told.tokens, told.token_logprobs, told.top_logprobs, strict=True):
        assert top[token] == logprob
