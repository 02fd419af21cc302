"""docs/api.md: it is what its generator writes, it lacks nothing, and each of its commands works."""

from __future__ import annotations

import base64
import io
import re
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from api import webhook_examples
from api.batches import examples as batch_examples
from api.files import examples as file_examples
from api.process import ApiProcess
from jobs.job import JobState
from jobs.lease import Lease
from scripts.api_reference.curl import ADDRESS, curls, variable
from scripts.api_reference.openapi_document import Operation, own_document
from scripts.api_reference.page import page
from tests.api.conftest import RECEIVER, TOKEN, Api, Sender, Worker
from tests.api.curl import read_curl

PAGE = Path(__file__).parents[2] / "docs" / "api.md"
DOCUMENT = own_document()
OPERATIONS = [operation for tag in DOCUMENT.tags for operation in DOCUMENT.operations(tag["name"])]
MODELS = """
models:
  poet:
    engine: scripted
  vectors:
    engine: scripted
    script: {dimensions: 2}
aliases:
  shakespeare: poet
"""
DONE = "data: [DONE]\n\n"


def test_the_reference_is_what_its_generator_writes() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(DOCUMENT), "`make docs-api` writes docs/api.md anew"


def test_it_names_every_call_every_problem_and_every_parameter() -> None:
    text = page(DOCUMENT)
    problems = [f"| `{one['slug']}` | {one['status']} |" for one in DOCUMENT.problems]
    calls = [f"`{one.method} {one.path}`" for one in OPERATIONS]
    parameters = [f"| `{parameter['name']}` |" for one in OPERATIONS for parameter in one.parameters]

    assert [missing for missing in problems + calls + parameters if missing not in text] == []


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.id)
def test_every_operation_is_described_and_shows_an_answer(operation: Operation) -> None:
    assert operation.description
    assert any(answer.example is not None for answer in operation.answers) or not operation.media_types


def encode_vector(_: object) -> str:
    return base64.b64encode(struct.pack("<2f", 0.6, 0.8)).decode()


class World:
    """What the commands are about: a job, an endpoint and a delivery of it that has failed."""

    def __init__(self, api: Api, worker: Worker, sender: Sender) -> None:
        self.api, self.worker, self.sender = api, worker, sender
        self.endpoint_id = str(api.endpoint()["id"])
        self.job_id = api.submit(webhook={"url": RECEIVER})
        worker.run(self.job_id)
        sent = {lease.endpoint_id: lease.delivery_id for lease in sender.send(500, "status")}
        self.delivery_id = sent[self.endpoint_id]

    def variables(self, operation: Operation) -> dict[str, str]:
        """What the names in the command of this operation stand for."""
        if operation.id == "requeueJob":
            self.job_id = self.api.submit()
            self.worker.give_up(self.job_id)
        response_id = self.api.post(
            "/v1/responses", {"model": "shakespeare", "input": "Hark!", "background": True}
        ).json["id"]
        if operation.id != "cancelResponse":
            self.worker.run(response_id)
        form = {name: sent_in_a_form(value) for name, value in file_examples.UPLOAD.items()}
        sent = self.api.send("POST", "/v1/files", data=form)
        assert sent.status_code == 200, sent.text
        self.file_id = str(sent.json["id"])
        batch = self.api.post("/v1/batches", {**batch_examples.NEW_BATCH, "input_file_id": self.file_id}).json
        key = self.api.post("/v1/admin/keys", {"tenant": "acme", "scopes": ["jobs:read"]}).json
        return {
            "KEY": TOKEN,
            "KEY_ID": key["id"],
            "TENANT": "acme",
            "MODEL": "shakespeare",
            "CIRCUIT": f"endpoint:{self.endpoint_id}",
            "JOB_ID": self.job_id,
            "WEBHOOK_ENDPOINT_ID": self.endpoint_id,
            "RESPONSE_ID": response_id,
            "DELIVERY_ID": self.delivery_id,
            "FILE_ID": self.file_id,
            "BATCH_ID": batch["id"],
        }

    def adapt(self, text: str) -> str:
        """The body, with what is there in the place of what it made up."""
        example: Any = webhook_examples.ENDPOINT_WITH_SECRET
        text = text.replace(batch_examples.NEW_BATCH["input_file_id"], self.file_id)
        return text.replace(example["id"], self.endpoint_id).replace(example["url"], RECEIVER)

    def serve(self) -> None:
        """One round of a worker and a sender."""
        for job in self.worker.store.list("default", state=JobState.QUEUED).jobs:
            vectors = tuple(map(encode_vector, job.request.inputs))
            lease = self.worker.try_claim(job.id, model=job.request.model)
            if isinstance(lease, Lease):  # and was not cancelled meanwhile
                self.worker.finish(lease, vectors=vectors)
        self.sender.send()


def sent_in_a_form(value: str) -> Any:
    """What stands there, or a file in its place."""
    return (io.BytesIO(b"{}"), value[1:]) if value.startswith("@") else value


@contextmanager
def at_work(serve: Callable[[], None]) -> Iterator[None]:
    """Serve in the background, round after round, while the block runs."""
    is_over, failures = threading.Event(), []

    def work() -> None:
        try:
            while not is_over.wait(0.01):
                serve()
        except BaseException as failure:  # noqa: BLE001 - raised below, where it is seen
            failures.append(failure)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
    assert failures == []


@pytest.fixture(scope="module")
def shakespeare(make_process: Callable[..., ApiProcess], tmp_path_factory: pytest.TempPathFactory) -> ApiProcess:
    config = tmp_path_factory.mktemp("models") / "models.yaml"
    config.write_text(MODELS)
    return make_process({"TRUTHGPT_CONFIG": str(config)})


@pytest.fixture
def world(shakespeare: ApiProcess, redis_url: str, worker: Worker, sender: Sender) -> World:
    del redis_url
    return World(Api(shakespeare.test_client()), worker, sender)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.id)
def test_every_command_is_accepted(world: World, operation: Operation) -> None:
    expected = {answer.status for answer in operation.answers}
    for command in curls(operation):
        request = read_curl(command, world.variables(operation))
        assert request.address == ADDRESS
        assert set(re.findall(r"\$(\w+)", command)) <= set(world.variables(operation))
        body: Any = None if request.body is None else world.adapt(request.body)
        if request.form:
            body = {name: sent_in_a_form(value) for name, value in request.form.items()}

        with at_work(world.serve):
            response = world.api.client.open(request.path, method=request.method, headers=request.headers, data=body)
            text = response.text

        assert response.status_code in expected, text
        assert response.status_code < 300, text
        is_stream = response.mimetype == "text/event-stream"
        assert is_stream == (
            "\nevent: final\n" in text or "\nevent: response.completed\n" in text or text.endswith(DONE)
        )


def test_the_page_says_what_each_variable_is() -> None:
    parameters = {parameter["name"] for one in OPERATIONS for parameter in one.parameters if parameter["in"] == "path"}
    assert [name for name in map(variable, parameters) if f"\n{name}=" not in page(DOCUMENT)] == []
