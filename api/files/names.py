"""Names of files, from strangers and back to them."""

from __future__ import annotations

from unicodedata import category, normalize
from urllib.parse import quote

from api.errors import InvalidRequest

LONGEST_NAME = 255
_UNSAID = frozenset({"Cc", "Cs", "Zl", "Zp"})


def checked_name(filename: str) -> str:
    """The name without the folders before it, which some clients send along. Raises InvalidRequest."""
    name = filename.replace("\\", "/").rpartition("/")[2].strip()
    if name in {"", ".", ".."}:
        raise InvalidRequest.of("file", "must be a file with a name")
    if len(name) > LONGEST_NAME:
        raise InvalidRequest.of("file", f"has a name of more than {LONGEST_NAME} characters")
    if any(category(letter) in _UNSAID for letter in name):
        raise InvalidRequest.of("file", "has a control character in its name, or what is no text")
    return name


def disposition(filename: str) -> str:
    """The `Content-Disposition` under which browsers save a file of that name (RFC 6266)."""
    plain = normalize("NFKD", filename).encode("ascii", "ignore").decode()
    told = plain.replace("\\", "\\\\").replace('"', '\\"')
    if plain == filename:
        return f'attachment; filename="{told}"'
    return f"attachment; filename=\"{told}\"; filename*=UTF-8''{quote(filename, safe='')}"
