"""A job's request as an OpenAI-compatible server reads it."""

from __future__ import annotations

from typing import Any

from jobs.request import InferenceRequest, RequestType, SamplingParams

_DEFAULTS = SamplingParams()


def path_of(request: InferenceRequest) -> str:
    """What follows the server's base address."""
    return "/chat/completions" if request.type is RequestType.CHAT_COMPLETION else "/completions"


def body_of(request: InferenceRequest, model: str) -> dict[str, Any]:
    """The JSON body that asks *model* for a stream.

    `top_k` and `ignore_eos` are no parameters of OpenAI's and are sent only where the job asks for them; a
    server that does not know them says so.
    """
    params = request.params
    body: dict[str, Any] = {"model": model, "stream": True, "stream_options": {"include_usage": True}}
    if request.type is RequestType.CHAT_COMPLETION:
        body["messages"] = [{"role": message.role, "content": message.content} for message in request.messages]
    else:
        body["prompt"] = request.prompt
    for name in ("max_tokens", "temperature", "top_p", "seed"):
        body[name] = getattr(params, name)
    if params.stop:
        body["stop"] = list(params.stop)
    for name in ("top_k", "ignore_eos"):
        if getattr(params, name) != getattr(_DEFAULTS, name):
            body[name] = getattr(params, name)
    if params.logprobs is not None:
        is_chat = request.type is RequestType.CHAT_COMPLETION
        body |= {"logprobs": True, "top_logprobs": params.logprobs} if is_chat else {"logprobs": params.logprobs}
    return body
