"""Forms with files in them, as clients send them and as none should."""

from __future__ import annotations

from collections.abc import Iterable

BOUNDARY = "a-boundary-of-tests"
LINES = b'{"custom_id": "1"}\n' * 100

Part = tuple[str, str | None, bytes]
"""Name, filename (None for a plain field) and value."""

FILE: Part = ("file", "lines.jsonl", LINES)
PURPOSE: Part = ("purpose", None, b"batch")


def form(*parts: Part, boundary: str = BOUNDARY, ending: str | None = None) -> bytes:
    """The body of a form with these parts."""
    body = b"".join(_part(*part, boundary) for part in parts)
    return body + (f"--{boundary}--\r\n" if ending is None else ending).encode()


def form_type(boundary: str = BOUNDARY) -> str:
    return f"multipart/form-data; boundary={boundary}"


def in_pieces(body: bytes, length: int) -> Iterable[bytes]:
    return (body[start : start + length] for start in range(0, len(body), length))


def _part(name: str, filename: str | None, value: bytes, boundary: str) -> bytes:
    named = "" if filename is None else f'; filename="{filename}"'
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{named}\r\n'
    kind = "" if filename is None else "Content-Type: application/octet-stream\r\n"
    return f"{head}{kind}\r\n".encode() + value + b"\r\n"
