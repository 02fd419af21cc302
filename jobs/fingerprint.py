"""What makes two submits the same request."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any


def fingerprint(body: Mapping[str, Any]) -> str:
    """A digest of a request body that does not depend on the order of its keys.

    Taken from what the client sent, before defaults and random seeds are filled in, so that a repeat
    of the same body matches.
    """
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:32]
