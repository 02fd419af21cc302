"""JSON for readers: what is short stands on one line."""

from __future__ import annotations

import json
from typing import Any

WIDTH = 110


def json_text(value: Any, *, indent: str = "", before: int = 0) -> str:
    """The value, its lines under *indent*; so many characters stand *before* it on its first line."""
    short = json.dumps(value, ensure_ascii=False)
    if len(indent) + before + len(short) <= WIDTH or not value or not isinstance(value, dict | list):
        return short
    inner = indent + "  "
    if isinstance(value, list):
        lines = [inner + json_text(one, indent=inner) for one in value]
        return "[\n" + ",\n".join(lines) + f"\n{indent}]"
    lines = []
    for name, one in value.items():
        start = json.dumps(name, ensure_ascii=False) + ": "
        lines.append(inner + start + json_text(one, indent=inner, before=len(start)))
    return "{\n" + ",\n".join(lines) + f"\n{indent}}}"
