"""What the documentation shows of API keys."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from api.api_key_document import key_document
from api.id_pages import id_page
from jobs.access.api_key import ApiKey, Scope
from jobs.access.hashing import Digest
from jobs.access.key_limits import KeyLimits

_MADE_AT = 1_795_384_800.0
_TEXT = "fr_live_4fZ8kQm2xLw9RtYb7NcVd1_…"

_MADE = ApiKey(
    id="key_4fZ8kQm2xLw9RtYb7NcVd1",
    tenant="acme",
    name="nightly reports",
    scopes=frozenset({Scope.JOBS_WRITE, Scope.JOBS_READ}),
    digest=Digest("", ""),
    created_at=_MADE_AT,
    expires_at=_MADE_AT + 90 * 86_400,
    revoked_at=None,
    last_used_at=None,
    rotated_from=None,
    rotated_to=None,
    read_at=_MADE_AT,
)
_SUCCESSOR = replace(_MADE, id="key_9GtRw3nBv6XcZa1LkJh0Qp", rotated_from=_MADE.id)

NEW_KEY: dict[str, Any] = {
    "tenant": "acme",
    "scopes": ["jobs:write", "jobs:read"],
    "name": "nightly reports",
    "expires_in_s": 7_776_000,
}
MADE_KEY = key_document(_MADE) | {"key": _TEXT}
KEY = key_document(replace(_MADE, last_used_at=_MADE_AT + 3_600))
KEY_PAGE = id_page([KEY], has_more=False)
CHANGE: dict[str, Any] = {"limits": {"requests_per_minute": 60, "requests_per_hour": 1_000, "burst": 10}}
LIMITED_KEY = key_document(replace(_MADE, limits=KeyLimits(requests_per_minute=60, requests_per_hour=1_000, burst=10)))
ROTATION: dict[str, Any] = {"overlap_s": 3_600}
SUCCESSOR = key_document(_SUCCESSOR) | {"key": _TEXT.replace(_MADE.id[4:], _SUCCESSOR.id[4:])}
REVOKED_KEY = key_document(replace(_MADE, expires_at=None, revoked_at=_MADE_AT + 7_200))
