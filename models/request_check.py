"""What any engine looks at in a request before it takes it."""

from __future__ import annotations

from collections.abc import Sequence

from jobs.request import InferenceRequest, RequestType
from models.engine import RequestRefused


def check_type(request: InferenceRequest, *, embeds: bool) -> None:
    """Raises RequestRefused for an embedding where the engine makes texts, and for a text where it embeds."""
    if (request.type is RequestType.EMBEDDING) != embeds:
        makes = "vectors of texts, and no texts" if embeds else "texts, and no vectors"
        message = f"this model makes {makes}: it does not take {request.type}"
        raise RequestRefused(message, code="unsupported_type", field="type")


def check_ids(token_ids: Sequence[int], *, vocabulary: int, field: str) -> None:
    """Raises RequestRefused for ids outside of the *vocabulary* token ids that a model knows."""
    unknown = next((token_id for token_id in token_ids if not 0 <= token_id < vocabulary), None)
    if unknown is not None:
        message = f"there is no token {unknown:,}; this model knows tokens 0 to {vocabulary - 1:,}"
        raise RequestRefused(message, code="invalid_token", field=field)
