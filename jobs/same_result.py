"""When two requests must have the same result, as long as the same model answers them.

The digest names what decides the result, and nothing else: no priority, metadata or deadline. It does not say which
weights answer: whoever keeps a result keeps with it the revision of the model that made it (`models.revision`).
"""

from __future__ import annotations

import hashlib
import json

from jobs.request import InferenceRequest, RequestType

_FORM = 1
"""Goes up with whatever changes what a digest stands for."""


def result_digest(request: InferenceRequest, *, salt: str, seed_is_given: bool) -> str | None:
    """32 hexadecimal digits, equal for requests with the same result; None if it could be another each time.

    For models that repeat themselves (`ModelConfig.is_deterministic`) that is an embedding, a text at temperature 0,
    where no seed matters, and one whose seed the client gave: a seed that was drawn for it would be another next time.
    Digests of different *salt* are never equal; the tenant's name keeps its results from others.
    """
    params: dict[str, object] = {}
    if request.type is not RequestType.EMBEDDING:
        given = request.params
        if given.temperature != 0 and not seed_is_given:
            return None
        params = {name: getattr(given, name) for name in given.__dataclass_fields__}
        if given.temperature == 0:
            del params["seed"]
    messages = [[message.role, message.content] for message in request.messages]
    said = [_FORM, salt, request.model, request.type.value, request.prompt, messages, request.inputs, params]
    canonical = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:32]
