"""Signs what leaves as a webhook, and verifies what comes as one: Standard Webhooks 1.0.0, symmetric secrets.

Source: github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

PREFIX = "whsec_"
ID_HEADER, TIMESTAMP_HEADER, SIGNATURE_HEADER = "webhook-id", "webhook-timestamp", "webhook-signature"
TOLERANCE_SECONDS = 300
"""How far the clock of a receiver may be off, either way."""

_FEWEST_BYTES, _NEW_BYTES, _MOST_BYTES = 24, 32, 64
_TIMESTAMP = re.compile(r"[0-9]{1,12}")


class BadSecret(Exception):
    """Raised for a text that is no secret of a webhook."""


class BadSignature(Exception):
    """Raised for a request that was not signed with any of the secrets, or not now; the message says why."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A key that sender and receiver share; never shown by accident."""

    key: bytes

    @classmethod
    def new(cls, draw: Callable[[int], bytes]) -> Secret:
        """A new one; *draw* gives so many random bytes."""
        return cls(draw(_NEW_BYTES))

    @classmethod
    def parse(cls, text: str) -> Secret:
        """Raises BadSecret."""
        try:
            key = base64.b64decode(text.removeprefix(PREFIX), validate=True)
        except (ValueError, binascii.Error):
            raise BadSecret("a secret is base64, with or without `whsec_` before it") from None
        if not _FEWEST_BYTES <= len(key) <= _MOST_BYTES:
            raise BadSecret(f"a secret has {_FEWEST_BYTES} to {_MOST_BYTES} bytes, not {len(key)}")
        return cls(key)

    @property
    def text(self) -> str:
        """As its owner keeps it."""
        return PREFIX + base64.b64encode(self.key).decode()

    @property
    def hint(self) -> str:
        """Enough to tell one from another."""
        return f"{PREFIX}…{self.text[-4:]}"

    def __repr__(self) -> str:
        return f"Secret({self.hint})"

    def signature(self, event_id: str, timestamp: int, body: bytes) -> str:
        """Such as `v1,K5oZ…=`, of the exact bytes that are sent."""
        signed = b"%s.%d.%s" % (event_id.encode(), timestamp, body)
        return "v1," + base64.b64encode(hmac.digest(self.key, signed, hashlib.sha256)).decode()


def signed_headers(secrets: Sequence[Secret], event_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers of one delivery attempt, made at *timestamp* (Unix seconds), with a signature by each secret."""
    return {
        ID_HEADER: event_id,
        TIMESTAMP_HEADER: str(timestamp),
        SIGNATURE_HEADER: " ".join(secret.signature(event_id, timestamp, body) for secret in secrets),
    }


def verify(secrets: Sequence[Secret], headers: Mapping[str, str], body: bytes, *, now: float) -> str:
    """The id of the event; one that came before is to be passed over. Raises BadSignature."""
    given = {name.lower(): value for name, value in headers.items()}
    missing = [name for name in (ID_HEADER, TIMESTAMP_HEADER, SIGNATURE_HEADER) if not given.get(name)]
    if missing:
        raise BadSignature(f"the header {missing[0]} is missing")
    event_id, told, signatures = given[ID_HEADER], given[TIMESTAMP_HEADER], given[SIGNATURE_HEADER]
    if not _TIMESTAMP.fullmatch(told):
        raise BadSignature(f"the header {TIMESTAMP_HEADER} is no number of seconds")
    if abs(now - int(told)) > TOLERANCE_SECONDS:
        raise BadSignature(f"it was signed more than {TOLERANCE_SECONDS} s from now; check the clocks")
    expected = [secret.signature(event_id, int(told), body).encode() for secret in secrets]
    for found in signatures.split():
        for wanted in expected:
            if hmac.compare_digest(found.encode("utf-8", "surrogateescape"), wanted):
                return event_id
    raise BadSignature("no signature is of this body and this secret; was the body read as raw bytes?")
