"""Numbers that a scripted engine gives where a model would calculate them; the same in every process."""

from __future__ import annotations

import math
import struct
import zlib

from jobs.request import Candidate, TokenLogprobs
from models.uniform import uniform


def vector(token_ids: list[int], *, dimensions: int) -> bytes:
    """A vector of length 1 that depends on the ids alone, as little-endian float32."""
    seed = zlib.crc32(repr(token_ids).encode())
    numbers = [uniform(seed, index) - 0.5 for index in range(dimensions)]
    length = math.hypot(*numbers) or 1.0
    return struct.pack(f"<{dimensions}f", *(number / length for number in numbers))


def logprobs(text: str, *, count: int | None) -> TokenLogprobs | None:
    """A token of probability 1/2, and after it others of 1/4, 1/8 and so on; None where nobody asks."""
    if count is None:
        return None
    texts = [text, *(f"{text}~{place}" for place in range(1, count))]
    top = tuple(Candidate(said, -math.log(2) * (place + 1)) for place, said in enumerate(texts[:count]))
    return TokenLogprobs(Candidate(text, -math.log(2)), top)
