"""The option that keeps to the jobs of one model, and what is said where there are none."""

from __future__ import annotations

from typing import Annotated

import typer

from scripts.arguments import given
from scripts.client import FrontierClient
from scripts.screen import note

OfModelOption = Annotated[str | None, typer.Option("--model", "-m", help="Only jobs of this model.", callback=given)]


def note_unknown(model: str | None, client: FrontierClient) -> None:
    """Says that no model is called *model*, where that is so; one that was taken away may still have jobs."""
    if model is not None and model not in client.models():
        note(f"no model is called {model!r}")
