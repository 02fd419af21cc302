"""Drives a running server with whatever release of OpenAI's client is installed: `python -m tests.openai.drive`.

OPENAI_BASE_URL and OPENAI_API_KEY name the server, FRONTIER_TEXT_MODEL and FRONTIER_ENCODER two of its models. The
checks import nothing but the client and each other, so that they run in an environment that has only that.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterable
from types import ModuleType

import openai
from openai import OpenAI

from tests.openai import (
    drive_batches,
    drive_chat,
    drive_completions,
    drive_embeddings,
    drive_errors,
    drive_files,
    drive_models,
    drive_responses,
)

OF_TEXT: list[ModuleType] = [
    drive_models,
    drive_chat,
    drive_completions,
    drive_errors,
    drive_responses,
    drive_files,
    drive_batches,
]
OF_VECTORS: list[ModuleType] = [drive_embeddings]


def main() -> int:
    """Run every check and say how each went; the exit status."""
    failed = 0
    with OpenAI(_strict_response_validation=True, timeout=120) as client:
        for modules, variable in ((OF_TEXT, "FRONTIER_TEXT_MODEL"), (OF_VECTORS, "FRONTIER_ENCODER")):
            failed += drive(client, os.environ[variable], modules)
    say(f"openai {openai.__version__}: {failed or 'none'} failed")
    return 1 if failed else 0


def drive(client: OpenAI, model: str, modules: Iterable[ModuleType]) -> int:
    """Run the functions `check_...` of *modules*; how many failed."""
    failed = 0
    for module in modules:
        for name in [name for name in vars(module) if name.startswith("check_")]:
            try:
                vars(module)[name](client, model)
                say(f"ok      {name}")
            except Exception:  # noqa: BLE001 - a check may fail in any way
                failed += 1
                say(f"FAILED  {name}\n{traceback.format_exc()}")
    return failed


def say(line: str) -> None:
    """One line for whoever watches."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
