"""Health, models and queues."""

from __future__ import annotations

from http import HTTPStatus

from scripts.test_api.answer import Skipped, expect
from scripts.test_api.check import Case, case
from scripts.test_api.system import System


@case("health", "GET /health", "it is well or degraded, and needs no key")
def whole(system: System) -> None:
    answer = system.call("GET /health", with_key=False).expect(200)
    expect(answer["status"] in {"ok", "degraded"}, f"status is {answer['status']}")


@case("health", "GET /health/live", "the process answers")
def live(system: System) -> None:
    system.call("GET /health/live", with_key=False).expect(200)


@case("health", "GET /health/ready", "jobs are accepted")
def ready(system: System) -> None:
    system.call("GET /health/ready", with_key=False).expect(200)


@case("models", "GET /v1/models", "a list in OpenAI's form")
def models(system: System) -> None:
    answer = system.call("GET /v1/models").expect(200)
    expect(answer["object"] == "list" and all(model["object"] == "model" for model in answer["data"]), "no list")


@case("models", "GET /v1/models/{name}", "one of the list; an unknown one is 404")
def model(system: System) -> None:
    system.call("GET /v1/models/{name}", "no-such-model").refuses(404, "model-not-found")
    expect(system.call("GET /v1/models/{name}", system.model).expect(200)["id"] == system.model, "another model")


@case("models", "GET /v1/queue", "the mode and the depth of one model")
def queue(system: System) -> None:
    [entry] = system.call("GET /v1/queue", query={"model": system.model}).expect(200)["data"]
    expect(entry["model"] == system.model and entry["depth"] >= 0, "the entry is of another model")


@case("models", "GET /v1/cache", "hits and misses of one's own")
def cache(system: System) -> None:
    answer = system.call("GET /v1/cache").expect(200)
    expect(min(answer["tenant"].values()) >= 0, "the numbers make no sense")


@case("metrics", "GET /metrics", "a page for Prometheus, with the depths of queues")
def metrics(system: System) -> None:
    answer = system.call("GET /metrics").expect(200, 403, 404)
    if answer.status == HTTPStatus.NOT_FOUND:
        raise Skipped("ENABLE_METRICS is off there")
    if answer.status == HTTPStatus.FORBIDDEN:
        answer.refuses(403, "missing-scope")
        raise Skipped("this key has no scope admin")
    media_type = answer.headers.get("Content-Type", "")
    expect(media_type.startswith("text/plain; version="), f"it is {media_type}")


@case("circuits", "GET /v1/circuits", "the circuit of each model")
def circuits(system: System) -> None:
    told = system.call("GET /v1/circuits").expect(200)["data"]
    expect(f"model:{system.model}" in {one["key"] for one in told}, f"{system.model} has none")


@case("circuits", "GET /v1/circuits/{key}", "one of them with its audit; an unknown one is 404")
def circuit(system: System) -> None:
    operation = "GET /v1/circuits/{key}"
    expect(isinstance(system.call(operation, f"model:{system.model}").expect(200)["audit"], list), "there is no audit")
    system.call(operation, "model:no-such-model").refuses(404, "circuit-not-found")


@case("circuits", "POST /v1/circuits/{key}/force", "it is held closed, and let go of")
def force(system: System) -> None:
    operation, key = "POST /v1/circuits/{key}/force", f"model:{system.model}"
    system.needs_disruption(f"it would hold the circuit of {system.model} closed for a moment")
    if (before := system.call("GET /v1/circuits/{key}", key).expect(200)["forced"]) is not None:
        raise Skipped(f"{before['by']} holds it {before['state']}")
    try:
        forced = system.call(operation, key, json={"state": "closed"}).expect(200)["forced"]
    finally:
        free = system.call(operation, key, json={"state": None})
    expect(forced is not None and forced["state"] == "closed", "it was not held closed")
    expect(free.expect(200)["forced"] is None, "it was not let go of")


def _mode_case(change: str, mode: str, words: str) -> Case:
    operation = f"POST /v1/models/{{name}}/{change}"

    @case("models", operation, words)
    def run(system: System) -> None:
        system.needs_disruption(f"it would keep jobs of {system.model} waiting, or turn them away")
        [entry] = system.call("GET /v1/queue", query={"model": system.model}).expect(200)["data"]
        if entry["mode"] != "running":
            raise Skipped(f"somebody has it {entry['mode']}")
        try:
            changed = system.call(operation, system.model).expect(200)["mode"]
        finally:
            resumed = system.call("POST /v1/models/{name}/resume", system.model)
        expect(changed == mode, f"the mode is {changed}, not {mode}")
        expect(resumed.expect(200)["mode"] == "running", "it was not resumed")

    return run


CASES = (
    whole,
    live,
    ready,
    models,
    model,
    queue,
    cache,
    metrics,
    circuits,
    circuit,
    force,
    _mode_case("pause", "paused", "the model is paused, and runs again after a resume"),
    _mode_case("drain", "draining", "the model is draining, and runs again after a resume"),
    _mode_case("resume", "running", "a model that runs goes on running"),
)
