"""The pictures of the docs: each is shown somewhere, and small."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
IMAGES = sorted((ROOT / "docs" / "images").iterdir())
LARGEST_BYTES = 150_000


@pytest.mark.parametrize("image", IMAGES, ids=[image.name for image in IMAGES])
def test_a_picture_is_small_and_shown(image: Path) -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]

    assert image.stat().st_size < LARGEST_BYTES
    assert any(f"images/{image.name})" in page.read_text(encoding="utf-8") for page in pages)
