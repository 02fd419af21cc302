"""What a bulk run is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.address import Address
from scripts.bulk_forms import Form
from scripts.bulk_source import Source
from scripts.client import FrontierClient
from scripts.generation import Generation
from scripts.screen import fail, one_line_errors


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """*settings* are what must be the same when the run goes on, by the names of the options."""

    source: Source
    target: Path
    form: Form
    settings: Mapping[str, Any]
    generation: Generation
    in_flight: int
    batch_lines: int
    retry_failed: bool
    restart: bool


def models_for(client: FrontierClient, generation: Generation, address: Address) -> dict[str, int | None]:
    """The models of the API; a wrong address, token or setting ends the command here, before anything is touched."""
    with one_line_errors(address):
        models = client.models()
    if complaint := generation.complaint(models):
        raise fail(complaint)
    return models
