"""The forms on the wire are pinned by files; a change of one is a change of the interface.

`FRONTIER_WRITE_GOLDEN=1 pytest tests/api/test_documents.py` writes them anew.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from flask import Flask

from api import examples, webhook_examples
from api.batches import examples as batch_examples
from api.console.pages import NAME as CONSOLE
from api.files import examples as file_examples
from api.problem_schema import EXAMPLE
from api.process import ApiProcess
from tests.api.conftest import RECEIVER, Api, Sender, Worker

GOLDEN = Path(__file__).parent / "golden"


def check(name: str, document: Any) -> None:
    path = GOLDEN / f"{name}.json"
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    if os.environ.get("FRONTIER_WRITE_GOLDEN"):
        path.write_text(text)
    assert json.loads(path.read_text()) == json.loads(text)


@pytest.mark.parametrize(
    ("name", "document"),
    [
        ("job-queued", examples.QUEUED_JOB),
        ("job-succeeded", examples.FINAL_JOB),
        ("result", examples.RESULT),
        ("inference", examples.INFERENCE),
        ("job-list", examples.JOB_PAGE),
        ("job-requeued", examples.REQUEUED_JOB),
        ("dead-letters", examples.DEAD_LETTERS),
        ("cancellation", examples.CANCELLATION),
        ("queues", examples.QUEUES),
        ("problem", EXAMPLE),
        ("job-with-webhook", webhook_examples.JOB_WITH_WEBHOOK),
        ("webhook-endpoint", webhook_examples.ENDPOINT_WITH_SECRET),
        ("webhook-endpoint-test", webhook_examples.ENDPOINT_TEST_RESULT),
        ("webhook-secret", webhook_examples.NEW_SECRET),
        ("delivery", webhook_examples.DELIVERY_WITH_ATTEMPTS),
        ("deliveries", webhook_examples.DELIVERY_PAGE),
        ("file", file_examples.FILE),
        ("files", file_examples.FILE_LIST),
        ("batch", batch_examples.MADE_BATCH),
        ("batch-completed", batch_examples.COMPLETED_BATCH),
        ("batch-failed", batch_examples.FAILED_BATCH),
        ("batches", batch_examples.BATCH_LIST),
        ("events", webhook_examples.EVENT_LIST),
    ],
)
def test_the_form_of_a_document_is_kept(name: str, document: Any) -> None:
    check(name, document)


@pytest.fixture
def openapi(process: ApiProcess) -> Any:
    return process.test_client().get("/openapi.json").json


def test_the_openapi_document_is_kept(openapi: Any) -> None:
    check("openapi", openapi)


def test_every_route_is_documented(process: ApiProcess, openapi: Any) -> None:
    flask: Flask = process
    documentation = {"/openapi.json", "/docs", "/docs/{name}", "/problems/{slug}"}
    routes = {
        rule.rule.replace("<path:", "{").replace("<", "{").replace(">", "}")
        for rule in flask.url_map.iter_rules()
        if not rule.endpoint.startswith(f"{CONSOLE}.")
    }

    assert routes - documentation == set(openapi["paths"])


def operations(openapi: Any) -> list[tuple[str, str, Any]]:
    return [
        (path, method, operation)
        for path, item in openapi["paths"].items()
        for method, operation in item.items()
        if method != "parameters"
    ]


def test_every_operation_has_a_name_a_summary_and_its_problems(openapi: Any) -> None:
    names = [operation["operationId"] for _, _, operation in operations(openapi)]

    assert len(names) == len(set(names))
    for path, _, operation in operations(openapi):
        assert operation["summary"]
        assert operation["responses"]["default"] == {"$ref": "#/components/responses/DEFAULT_ERROR"}
        assert path.startswith("/health") == (operation.get("security") == [])


def test_every_reference_leads_somewhere(openapi: Any) -> None:
    def references(node: Any) -> list[str]:
        if isinstance(node, dict):
            own = [node["$ref"]] if "$ref" in node else []
            return own + [found for inner in node.values() for found in references(inner)]
        if isinstance(node, list):
            return [found for inner in node for found in references(inner)]
        return []

    for reference in references(openapi):
        node = openapi
        for step in reference.removeprefix("#/").split("/"):
            node = node[step]


def schema_of(openapi: Any, name: str) -> Any:
    return {"$ref": f"#/components/schemas/{name}", "components": openapi["components"]}


def test_real_answers_have_the_documented_form(api: Api, worker: Worker, openapi: Any) -> None:
    queued = api.submit()
    job_id = api.submit()
    worker.run(job_id)
    answers = {
        f"/v1/jobs/{queued}": "Job",
        f"/v1/jobs/{job_id}": "Job",
        f"/v1/jobs/{job_id}/result": "FullResult",
        "/v1/jobs": "JobPage",
        "/v1/jobs/unknown": "Problem",
        "/v1/jobs?limit=0": "Problem",
        "/v1/queue": "Queues",
        "/v1/dead-letters": "JobPage",
        "/v1/dead-letters?cursor=x": "Problem",
        "/v1/models": "ModelList",
        "/health": "Health",
        "/health/ready": "Readiness",
    }

    for path, name in answers.items():
        jsonschema.validate(api.get(path).json, schema_of(openapi, name))


def test_real_answers_of_what_changes_have_the_documented_form(api: Api, worker: Worker, openapi: Any) -> None:
    lost, queued = api.submit(), api.submit(metadata={"order": "42"})
    worker.give_up(lost)
    answers = [
        ("/v1/dead-letters", None, "JobPage"),
        (f"/v1/jobs/{lost}/requeue", {}, "Job"),
        (f"/v1/jobs/{lost}", None, "Job"),
        (f"/v1/jobs/{queued}/requeue", {}, "Problem"),
        ("/v1/jobs/cancel", {"metadata": {"order": "42"}}, "Cancellation"),
        ("/v1/models/poet/pause", {}, "Queue"),
        ("/v1/models/poet/resume", {}, "Queue"),
    ]

    for path, body, name in answers:
        answer = api.get(path) if body is None else api.post(path, body)
        jsonschema.validate(answer.json, schema_of(openapi, name))


def test_real_answers_about_webhooks_have_the_documented_form(
    api: Api, worker: Worker, sender: Sender, openapi: Any
) -> None:
    endpoint = api.endpoint()
    one = f"/v1/webhook_endpoints/{endpoint['id']}"
    job_id = api.submit(webhook={"url": RECEIVER})
    worker.run(job_id)
    delivery = f"/v1/deliveries/{sender.send(500, 'status')[0].delivery_id}"
    answers: list[tuple[str, dict[str, Any] | None, str]] = [
        ("/v1/webhook_endpoints", None, "EndpointList"),
        (one, None, "Endpoint"),
        (f"{one}/rotate_secret", {}, "EndpointWithSecret"),
        (f"{one}/disable", {}, "Endpoint"),
        (f"{one}/enable", {}, "Endpoint"),
        (f"{one}/replay", {}, "Replay"),
        ("/v1/webhook_event_types", None, "EventTypes"),
        ("/v1/webhook_secret", None, "WebhookSecret"),
        ("/v1/webhook_secret/rotate", {}, "NewWebhookSecret"),
        (f"/v1/jobs/{job_id}", None, "Job"),
        (f"/v1/jobs/{job_id}/deliveries", None, "DeliveryList"),
        ("/v1/deliveries", None, "DeliveryPage"),
        (delivery, None, "DeliveryDetail"),
        (f"{delivery}/replay", {}, "DeliveryDetail"),
        ("/v1/events", None, "EventList"),
    ]

    jsonschema.validate(endpoint, schema_of(openapi, "EndpointWithSecret"))
    for path, body, name in answers:
        answer = api.get(path) if body is None else api.post(path, body)
        assert answer.status_code < 300, answer.text
        jsonschema.validate(answer.json, schema_of(openapi, name))


def test_the_examples_have_the_documented_form(openapi: Any) -> None:
    for _, _, operation in operations(openapi):
        for part in (operation.get("requestBody", {}), *operation["responses"].values()):
            content = part.get("content", {}).get("application/json", {})
            shown = [one["value"] for one in content.get("examples", {}).values()]
            for example in shown + [content[name] for name in ("example",) if name in content]:
                jsonschema.validate(example, content["schema"] | {"components": openapi["components"]})


@pytest.mark.parametrize("name", ["/docs", "/docs/docs.js", "/docs/docs.css"])
def test_the_documentation_loads_nothing_from_elsewhere(process: ApiProcess, name: str) -> None:
    response = process.test_client().get(name)

    assert response.status_code == 200
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert "//" not in response.text.replace("// ", "").replace("http://www.w3.org/2000/svg", "")
    assert process.test_client().get("/docs/other.js").status_code in {401, 404}


def test_the_api_never_loads_torch() -> None:
    code = (
        "import sys, api.app, api.gunicorn_conf\n"
        "api.app.create_app()\n"
        "print([name for name in ('torch', 'transformers', 'accelerate', 'safetensors') if name in sys.modules])"
    )
    env = {"TRUTHGPT_API_TOKEN": "k", "PATH": os.environ["PATH"]}

    done = subprocess.run(
        [sys.executable, "-c", code], env=env, cwd=GOLDEN.parents[2], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "[]"
