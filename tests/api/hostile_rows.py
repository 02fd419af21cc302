"""What nobody means well with: bodies, headers and addresses, each with the statuses that refuse it."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass

CANARY = "canary7bird"
"""Stands in every row, and must never be seen again."""

LARGEST = 1_048_576
"""Of a body, in bytes."""

_FILLED = b'{"about": "' + CANARY.encode() + b'", '
_PLAIN = _FILLED + b'"metadata": {}}'

Statuses = frozenset[int]


@dataclass(frozen=True, kw_only=True)
class HostileBody:
    name: str
    body: bytes
    statuses: Statuses
    content_type: str | None = "application/json"
    headers: tuple[str, ...] = ()


def _malformed(name: str, rest: bytes) -> HostileBody:
    return HostileBody(name=name, body=_FILLED + rest, statuses=frozenset({400}))


def _untyped(name: str, content_type: str | None, *headers: str, body: bytes = _PLAIN) -> HostileBody:
    return HostileBody(name=name, body=body, statuses=frozenset({415}), content_type=content_type, headers=headers)


BODIES = [
    HostileBody(name="a body too large", body=_FILLED + b" " * LARGEST + b"}", statuses=frozenset({413})),
    _malformed("arrays 100,000 deep", b'"metadata": ' + b"[" * 100_000),
    _malformed("objects 100,000 deep", b'"metadata": ' + b'{"a": ' * 100_000),
    _malformed("an integer of 5,000 digits", b'"retention_s": ' + b"9" * 5_000 + b"}"),
    _malformed("an exponent of 5,000 digits", b'"retention_s": 1e' + b"9" * 5_000 + b"}"),
    _malformed("NaN", b'"metadata": {"a": NaN}}'),
    _malformed("-Infinity", b'"metadata": {"a": -Infinity}}'),
    _malformed("a key twice", b'"model": "a", "model": "b"}'),
    _malformed("half of a surrogate pair", b'"model": "\\ud800"}'),
    _malformed("U+0000 in a value", b'"model": "\\u0000"}'),
    _malformed("U+0000 in a name", b'"a\\u0000b": 1}'),
    _malformed("60,000 members", json.dumps({str(n): 0 for n in range(60_000)}).encode()[1:]),
    _malformed("bad UTF-8", b'"model": "\xff\xfe"}'),
    _malformed("a control character", b'"model": "\x1b[31m"}'),
    HostileBody(name="a byte order mark", body=b"\xef\xbb\xbf" + _PLAIN, statuses=frozenset({400})),
    HostileBody(name="UTF-16", body=_PLAIN.decode().encode("utf-16"), statuses=frozenset({400})),
    HostileBody(name="a list", body=b"[" + _PLAIN + b"]", statuses=frozenset({400})),
    HostileBody(name="an unknown field", body=_PLAIN, statuses=frozenset({400, 422})),
    _untyped("text", "text/plain"),
    _untyped("a form", "application/x-www-form-urlencoded", body=b"about=" + CANARY.encode()),
    _untyped("a form of parts", "multipart/form-data; boundary=x"),
    _untyped("no type", None),
    _untyped("another charset", "application/json; charset=utf-16"),
    _untyped("a bomb", "application/json", "Content-Encoding: gzip", body=gzip.compress(_FILLED + b" " * LARGEST * 8)),
]

_GET = "GET /v1/jobs HTTP/1.1"
_POST = "POST /v1/jobs HTTP/1.1"
_BEARER = f"Authorization: Bearer {CANARY}"


@dataclass(frozen=True, kw_only=True)
class HostileHead:
    """Lines of a request head as they are sent, one after another; where it `has_key`, the operator's is added."""

    name: str
    lines: tuple[bytes, ...]
    statuses: Statuses
    has_key: bool = True


def _head(name: str, *lines: str | bytes, status: int = 400, has_key: bool = True) -> HostileHead:
    raw = tuple(line if isinstance(line, bytes) else line.encode() for line in lines)
    return HostileHead(name=name, lines=raw, statuses=frozenset({status}), has_key=has_key)


HEADS = [
    _head("100 headers", _GET, *(f"X-{n}: {CANARY}" for n in range(100)), status=431),
    _head("a header of 9,000 bytes", _GET, "X-Long: " + CANARY * 900, status=431),
    _head("an address of 5,000 bytes", f"GET /v1/jobs?model={CANARY * 500} HTTP/1.1", status=414),
    _head("a line break in a header", _GET, f"X-Folded: {CANARY}", "\tSet-Cookie: a=b"),
    _head("a bare carriage return", _GET, f"X-Bare: {CANARY}\rSet-Cookie: a=b"),
    _head("NUL in a header", _GET, f"X-Nul: {CANARY}\0"),
    _head("a header without a name", _GET, f": {CANARY}"),
    _head("a space in a name", _GET, f"X Space: {CANARY}"),
    _head("no colon", _GET, CANARY),
    _head("escapes in the method", f"G\x1b[31mT /{CANARY} HTTP/1.1"),
    _head("another version", f"GET /{CANARY} HTTP/9.9"),
    _head("two lengths", _POST, "Content-Length: 2", "Content-Length: 3"),
    _head("a length and chunks", _POST, "Content-Length: 2", "Transfer-Encoding: chunked"),
    _head("a negative length", _POST, "Content-Length: -1"),
    _head("a length of 40 digits", _POST, "Content-Type: application/json", "Content-Length: " + "9" * 40, status=413),
    _head("a length in words", _POST, f"Content-Length: {CANARY}"),
    _head("another coding", _POST, f"Transfer-Encoding: {CANARY}", status=501),
    _head("a key that is none", _GET, _BEARER, status=401, has_key=False),
    _head("a key in bytes", _GET, b"Authorization: Bearer \xff" + CANARY.encode(), status=401, has_key=False),
    _head("a key of another kind", _GET, f"Authorization: Basic {CANARY}", status=401, has_key=False),
    _head("a key of 8,000 bytes", _GET, "Authorization: Bearer " + "a" * 7_900, status=401, has_key=False),
    _head(
        "an idempotency key in bytes",
        _POST,
        b"Idempotency-Key: \xff" + CANARY.encode(),
        "Content-Length: 0",
        status=415,
    ),
]

_TOO_MANY = "&".join(f"metadata.{n}={CANARY}" for n in range(100))

ADDRESSES = {
    f"/v1/jobs?metadata.a={CANARY}%00": 422,
    f"/v1/jobs?{CANARY}%00=1": 422,
    f"/v1/jobs?metadata.a={CANARY}%ff": 422,
    f"/v1/jobs?%ff={CANARY}": 422,
    f"/v1/jobs?model={CANARY}&model=b": 422,
    f"/v1/jobs?metadata[a][b][c]={CANARY}": 422,
    f"/v1/jobs?__proto__={CANARY}": 422,
    f"/v1/jobs?{CANARY}": 422,
    "/v1/jobs?limit=" + "9" * 3_000: 422,
    "/v1/jobs?limit=-1": 422,
    "/v1/jobs?limit=1e9": 422,
    "/v1/jobs?limit=%D9%A1": 422,
    f"/v1/jobs?cursor={CANARY}": 422,
    f"/v1/jobs?status={CANARY}%0d%0aSet-Cookie:%20a=b": 422,
    f"/v1/jobs/{CANARY}%0d%0aSet-Cookie:%20a=b": 404,
    f"/v1/jobs/{CANARY}%00": 404,
    f"/v1/jobs/{CANARY}%ff": 404,
    f"/v1/jobs/{CANARY}%c0%ae%c0%ae": 404,
    "/v1/jobs/" + CANARY * 300: 404,
    f"/v1/jobs/..%2f..%2f{CANARY}": 404,
    f"/v1/jobs/%7B%7B{CANARY}%7D%7D/result": 404,
    f"/v1/responses/{CANARY}%0a": 404,
    f"/v1/models/{CANARY}%00": 404,
    f"/v1/admin/keys/{CANARY}*": 404,
    f"/v1/webhook_endpoints/{CANARY}%ff": 404,
    f"/v1/deliveries/{CANARY}%00": 404,
    f"/v1/events?after={CANARY}%00": 422,
    f"/v1/deliveries?endpoint=*{CANARY}": 422,
    f"/{CANARY}%ff%00": 404,
}
