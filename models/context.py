"""How much of a model's context a request may fill."""

from __future__ import annotations

from models.engine import RequestRefused


def completion_budget(*, prompt_tokens: int, max_tokens: int, context_tokens: int) -> int:
    """How many tokens may be generated: *max_tokens*, or what the prompt leaves of the context if that is less.

    Raises RequestRefused for an empty prompt, for one that leaves no room at all, and for max_tokens below 1.
    """
    if prompt_tokens == 0:
        message = "the prompt is empty: it must hold at least one token"
        raise RequestRefused(message, code="empty_prompt", field="input")
    if max_tokens < 1:
        message = f"max_tokens is {max_tokens:,}; it must be at least 1"
        raise RequestRefused(message, code="invalid_value", field="params.max_tokens")
    if prompt_tokens >= context_tokens:
        message = (
            f"the prompt has {prompt_tokens:,} tokens; this model holds {context_tokens:,} tokens of prompt and "
            f"completion together, so at most {context_tokens - 1:,} can be prompt ({max_tokens:,} more were asked for)"
        )
        raise RequestRefused(message, code="context_length_exceeded", field="input")
    return min(max_tokens, context_tokens - prompt_tokens)
