"""How the parts of a record are packed into Redis strings: compact JSON, deflated when that is shorter.

The first byte tells: `z` before deflated bytes, otherwise the JSON itself. Python's `zlib` and `json`
are all that a reader in another language needs.
"""

from __future__ import annotations

import json
import zlib
from typing import Any

_WORTH_DEFLATING_BYTES = 200


def pack(value: Any) -> bytes:
    """The shorter of compact JSON and its deflated form."""
    plain = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
    if len(plain) < _WORTH_DEFLATING_BYTES:
        return plain
    deflated = b"z" + zlib.compress(plain, 6)
    return min(plain, deflated, key=len)


def unpack(packed: bytes) -> Any:
    """What `pack` was given."""
    return json.loads(zlib.decompress(packed[1:]) if packed[:1] == b"z" else packed)
