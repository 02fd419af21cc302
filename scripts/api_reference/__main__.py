"""`python -m scripts.api_reference` writes docs/api.md anew."""

from __future__ import annotations

from scripts.api_reference.openapi_document import own_document
from scripts.api_reference.page import page
from scripts.paths import CHECKOUT

if __name__ == "__main__":
    CHECKOUT.joinpath("docs", "api.md").write_text(page(own_document()), encoding="utf-8")
