"""What `/status` draws, out of the record."""

from __future__ import annotations

import pytest

from tests.api.conftest import RECEIVER, Api, Sender, Worker
from tests.api.console.visitor import Visitor


def test_queues_and_workers_are_told_by_model_and_class(api: Api, worker: Worker, visitor: Visitor) -> None:
    for priority in ("interactive", "interactive", "batch"):
        api.submit(priority=priority)
    worker.join(slots=4)
    poet, clerk = visitor.get("/status/now.json").json["models"]

    assert (poet["model"], poet["workers"], poet["slots"], clerk["workers"]) == ("poet", 1, 4, 0)
    assert {name: one["waiting"] for name, one in poet["classes"].items()} == {
        "interactive": 2,
        "standard": 0,
        "batch": 1,
    }


def test_ends_and_tokens_add_up_of_all_tenants_for_an_admin_and_else_of_ones_own(
    api: Api, worker: Worker, visitor: Visitor, stranger: Visitor
) -> None:
    stranger.log_in(api.of("acme", "jobs:read").key)
    worker.run(api.submit())
    worker.give_up(api.submit())
    now, theirs = visitor.get("/status/now.json").json, stranger.get("/status/now.json").json

    assert (now["of_all_tenants"], now["completion_tokens"]) == (True, 4)
    assert now["ended"] == {"succeeded": 1, "failed": 1}
    assert (theirs["of_all_tenants"], theirs["completion_tokens"], theirs["ended"]) == (False, 0, {})


def test_latencies_are_those_of_jobs_that_ran(api: Api, worker: Worker, visitor: Visitor) -> None:
    for _ in range(2):
        worker.run(api.submit())
    worker.give_up(api.submit())
    latencies = visitor.get("/status/lately.json").json["latencies"]

    assert latencies["ttft_s"] == [0.1, 0.1]
    assert latencies["tpot_s"] == [0.02, 0.02]
    assert len(latencies["queue_wait_s"]) == len(latencies["time_to_result_s"]) == 2


def test_deliveries_have_their_lag_once_they_are_accepted(
    api: Api, worker: Worker, sender: Sender, visitor: Visitor, stranger: Visitor
) -> None:
    for _ in range(2):
        worker.run(api.submit(webhook={"url": RECEIVER}))
    first, second = sender.leases()
    sender.settle(first)
    sender.settle(second, 500, "status")
    told = visitor.get("/status/lately.json").json["deliveries"]
    stranger.log_in(api.of("default", "jobs:read").key)

    assert {one["status"]: one["lag_s"] is not None for one in told} == {"delivered": True, "failed": False}
    assert stranger.get("/status/lately.json").json["deliveries"] is None


def test_another_tenant_sees_no_delivery_and_no_receivers_circuit(
    api: Api, worker: Worker, sender: Sender, stranger: Visitor
) -> None:
    worker.run(api.submit(webhook={"url": RECEIVER}))
    sender.send(500, "status")
    stranger.log_in(api.of("acme").key)
    told = stranger.get("/status/lately.json").json

    assert told["deliveries"] == []
    assert {one["kind"] for one in told["circuits"]} == {"model"}


@pytest.mark.parametrize("path", ["/status/now.json", "/status/lately.json"])
def test_a_script_without_a_session_is_told_so_as_a_problem(stranger: Visitor, path: str) -> None:
    answer = stranger.get(path)

    assert (answer.status_code, answer.json["type"]) == (401, "/problems/not-authenticated")
