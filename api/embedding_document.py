"""Vectors as clients see them: numbers, or the bytes of float32."""

from __future__ import annotations

import base64
import struct
from collections.abc import Sequence
from typing import Any

from jobs.job import Job


def floats_of(vector: str) -> list[float]:
    """The numbers of a vector in base64; nine digits tell a float32 from every other."""
    packed = base64.b64decode(vector)
    return [float(f"{number:.9g}") for (number,) in struct.iter_unpack("<f", packed)]


def embeddings_of(job: Job) -> list[list[float]]:
    """The vectors of a job as numbers, one list per input."""
    return [floats_of(vector) for vector in job.vectors]


def embeddings_document(job: Job, *, is_base64: bool) -> dict[str, Any]:
    """OpenAI's answer."""
    vectors: Sequence[Any] = job.vectors if is_base64 else embeddings_of(job)
    return {
        "object": "list",
        "data": [{"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(vectors)],
        "model": job.request.model,
        "usage": {"prompt_tokens": job.usage.prompt_tokens, "total_tokens": job.usage.prompt_tokens},
    }
