"""Batches: made of a file of one line, looked at, listed, read and cancelled, whether or not a runner is there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

from scripts.test_api.answer import Answer, expect
from scripts.test_api.check import case
from scripts.test_api.files import sent_file
from scripts.test_api.system import PROMPT, TOKENS, System

BATCHES = "/v1/batches"
ONE = f"{BATCHES}/{{id}}"
URL = "/v1/completions"
UNKNOWN = "batch_0000000000000000000000"
UNKNOWN_FILE = "file-0000000000000000000000"


@case("batches", f"POST {BATCHES}", "a batch in OpenAI's form; a file that is unknown is blamed")
def create(system: System) -> None:
    with _made(system) as batch:
        expect(batch["object"] == "batch" and batch["endpoint"] == URL, "the batch is not the one asked for")
        expect(batch["completion_window"] == "24h", f"its window is {batch['completion_window']}")
    system.call(f"POST {BATCHES}", json=_body(UNKNOWN_FILE)).expect(400).blames("input_file_id")


@case("batches", f"GET {BATCHES}", "a page, newest first")
def listing(system: System) -> None:
    with _made(system) as batch:
        page = system.call(f"GET {BATCHES}", query={"limit": "100"}).expect(200)
        expect(batch["id"] in {one["id"] for one in page["data"]}, "the newest batches are without the one just made")


@case("batches", f"GET {ONE}", "the batch; an unknown one is 404")
def look(system: System) -> None:
    with _made(system) as batch:
        found = system.call(f"GET {ONE}", batch["id"]).expect(200)
        expect(found["metadata"] == system.mark, "its metadata is not what was given")
    system.call(f"GET {ONE}", UNKNOWN).refuses(404, "batch-not-found")


@case("batches", f"GET {ONE}/output", "the lines that there are, and where to go on")
def output(system: System) -> None:
    with _made(system) as batch:
        answer = system.call(f"GET {ONE}/output", batch["id"], query={"after": "0"}).expect(200)
        expect(answer.headers.get("Next-After") in {"0", "1"}, "it does not say where to go on")
        expect(bool(answer.headers.get("Batch-Status")), "it does not say how the batch stands")


@case("batches", f"POST {ONE}/cancel", "it is cancelled, or has ended")
def cancel(system: System) -> None:
    with _made(system) as batch:
        status = system.call(f"POST {ONE}/cancel", batch["id"]).expect(200)["status"]
        expect(status not in {"validating", "in_progress"}, f"its status is {status}")


def _body(file_id: str) -> dict[str, str]:
    return {"input_file_id": file_id, "endpoint": URL, "completion_window": "24h"}


@contextmanager
def _made(system: System) -> Iterator[Answer]:
    """A new batch, which is cancelled afterwards, if it has not ended by then."""
    body = {"model": system.model, "prompt": PROMPT, "max_tokens": TOKENS}
    line = {"custom_id": "1", "method": "POST", "url": URL, "body": body}
    with sent_file(system, json.dumps(line).encode()) as file:
        batch = system.call(f"POST {BATCHES}", json={**_body(file["id"]), "metadata": system.mark}).expect(200)
        try:
            yield batch
        finally:
            system.call(f"POST {ONE}/cancel", batch["id"]).expect(200)


CASES = (create, listing, look, output, cancel)
