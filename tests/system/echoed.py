"""What a scripted model says that nobody has given a script."""

from __future__ import annotations

from itertools import cycle, islice

from jobs.request import InferenceRequest, RequestType
from models.scripted import echo


def echoed(prompt: str, tokens: int) -> str:
    """So many tokens, to a prompt or to a chat that ends with it."""
    request = InferenceRequest(model="", type=RequestType.COMPLETION, prompt=prompt)
    return "".join(islice(cycle(echo(request).tokens), tokens))
