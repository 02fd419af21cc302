"""What the log calls a tenant: the same in every process of a deployment, and nothing that tells the name.

Names are easily guessed, so they are hashed under a key, without which nobody can try them. The key is a matter of the
process, as its log is. Until it is known, a process uses one of its own.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from functools import lru_cache

_SHOWN = 12
_MOST_KEPT = 4096
_key = secrets.token_bytes(32)


def hash_tenants_with(key: bytes) -> None:
    """From now on the hashes are those of all processes that have this *key*."""
    global _key  # noqa: PLW0603 - one per process
    _key = key
    tenant_hash.cache_clear()


@lru_cache(_MOST_KEPT)
def tenant_hash(tenant: str) -> str:
    """Twelve hexadecimal digits."""
    return hmac.new(_key, tenant.encode(), hashlib.sha256).hexdigest()[:_SHOWN]
