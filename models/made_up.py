"""Numbers that a scripted engine gives where a model would calculate them; the same in every process."""

from __future__ import annotations

import math
import struct
import zlib

from models.uniform import uniform


def vector(token_ids: list[int], *, dimensions: int) -> bytes:
    """A vector of length 1 that depends on the ids alone, as little-endian float32."""
    seed = zlib.crc32(repr(token_ids).encode())
    numbers = [uniform(seed, index) - 0.5 for index in range(dimensions)]
    length = math.hypot(*numbers) or 1.0
    return struct.pack(f"<{dimensions}f", *(number / length for number in numbers))
