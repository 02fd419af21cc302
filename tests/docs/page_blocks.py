"""Takes the code blocks out of a page of the docs."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"


def block_under(heading: str, page: str) -> str:
    """The first code block under *heading* of the page, as it stands there."""
    text = (DOCS / page).read_text(encoding="utf-8")
    _, found, rest = text.partition(f"\n{heading}\n")
    assert found, f"{page} has no heading {heading!r}"
    block = re.search(r"^```\w*\n(.*?)^```$", rest, re.DOTALL | re.MULTILINE)
    assert block, f"{page} has no code under {heading!r}"
    return block[1]
