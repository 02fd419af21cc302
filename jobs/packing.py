"""How the parts of a record are packed into Redis strings: compact JSON, deflated when that is shorter.

The first byte tells: `z` before deflated bytes, otherwise the JSON itself. Python's `zlib` and `json`
are all that a reader in another language needs.
"""

from __future__ import annotations

import json
import zlib
from typing import Any

_WORTH_DEFLATING_BYTES = 200
_SMALL_BYTES = 4096
"""Up to here a small window compresses as well, in a quarter of the time: most of it goes into clearing it."""


def pack(value: Any) -> bytes:
    """The shorter of compact JSON and its deflated form."""
    plain = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
    if len(plain) < _WORTH_DEFLATING_BYTES:
        return plain
    return min(plain, b"z" + _deflated(plain), key=len)


def _deflated(plain: bytes) -> bytes:
    window_bits, memory_level = (12, 5) if len(plain) <= _SMALL_BYTES else (zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL)
    deflate = zlib.compressobj(6, zlib.DEFLATED, window_bits, memory_level)
    return deflate.compress(plain) + deflate.flush()


def unpack(packed: bytes) -> Any:
    """What `pack` was given."""
    return json.loads(zlib.decompress(packed[1:]) if packed[:1] == b"z" else packed)
