"""The client of the job API, against a real server that breaks when told to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from random import Random

import pytest

from scripts.client import ApiProblem, ApiUnreachable, FrontierClient
from scripts.patience import Patience
from tests.scripts.job_api import TOKEN, Answer
from tests.scripts.job_server import Fault, JobServer

BODY = {"type": "completion", "input": {"prompt": "hello"}}


class PassedTime:
    """A clock that only moves when somebody pauses."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []
        self.on_pause: Callable[[], None] = lambda: None

    def clock(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.now += seconds
        self.pauses.append(seconds)
        self.on_pause()


@pytest.fixture
def server() -> Iterator[JobServer]:
    with JobServer() as server:
        yield server


@pytest.fixture
def passed_time() -> PassedTime:
    return PassedTime()


@pytest.fixture
def client(server: JobServer, passed_time: PassedTime) -> Iterator[FrontierClient]:
    with FrontierClient(
        server.url, TOKEN, patience=Patience(), pause=passed_time.pause, clock=passed_time.clock, random=Random(7)
    ) as client:
        yield client


def test_a_submitted_job_comes_back_with_its_id_and_state(client: FrontierClient, server: JobServer) -> None:
    job = client.submit(BODY, idempotency_key="k")

    assert job.id in server.api.jobs
    assert job.state == "queued"


def test_a_503_is_tried_again_no_sooner_than_the_server_asks(
    client: FrontierClient, server: JobServer, passed_time: PassedTime
) -> None:
    server.faults += [Fault("POST", 503, retry_after="2"), Fault("POST", 503, retry_after="3")]

    client.submit(BODY, idempotency_key="k")

    first, second = passed_time.pauses
    assert first >= 2
    assert second >= 3


def test_waits_that_the_server_did_not_ask_for_grow_and_are_spread(
    client: FrontierClient, server: JobServer, passed_time: PassedTime
) -> None:
    server.faults += [Fault("GET", 503)] * 6

    client.models()

    assert len(set(passed_time.pauses)) == 6
    assert all(pause <= 0.1 * 2**n for n, pause in enumerate(passed_time.pauses))


def test_a_submit_whose_answer_is_lost_makes_no_second_job(client: FrontierClient, server: JobServer) -> None:
    server.faults += [Fault("POST", after_work=True)]
    client.models()

    job = client.submit(BODY, idempotency_key="k")

    assert list(server.api.jobs) == [job.id]
    assert server.calls["POST"] == 2


def test_a_restart_of_the_api_is_waited_out(client: FrontierClient, server: JobServer, passed_time: PassedTime) -> None:
    job = client.submit(BODY, idempotency_key="k")
    server.stop()
    passed_time.on_pause = lambda: server.start() if len(passed_time.pauses) == 3 else None

    assert client.job(job.id).id == job.id


def test_after_the_patience_an_outage_is_told_with_what_to_do(
    client: FrontierClient, server: JobServer, passed_time: PassedTime
) -> None:
    client.models()
    server.stop()

    with pytest.raises(ApiUnreachable, match=r"nothing answers at http://127.0.0.1.*`frontier up`"):
        client.models()

    assert 20 < passed_time.now <= 30
    server.start()


def test_an_address_that_never_answered_is_given_up_soon(passed_time: PassedTime) -> None:
    with JobServer() as gone:
        url = gone.url

    with (
        FrontierClient(url, TOKEN, pause=passed_time.pause, clock=passed_time.clock) as client,
        pytest.raises(ApiUnreachable, match="refused"),
    ):
        client.models()

    assert passed_time.now <= 1


def test_a_refusal_that_will_not_change_is_not_tried_again(
    client: FrontierClient, server: JobServer, passed_time: PassedTime
) -> None:
    server.faults += [Fault("POST", 503, extra={"retryable": False})]

    with pytest.raises(ApiProblem):
        client.submit(BODY, idempotency_key="k")

    assert passed_time.pauses == []


def test_a_problem_names_the_fields_it_is_about(client: FrontierClient) -> None:
    with pytest.raises(ApiProblem, match=r"params\.top_p: must be at most 1") as caught:
        client.submit({**BODY, "params": {"top_p": 3}}, idempotency_key="k")

    assert caught.value.status == 422
    assert [error.field for error in caught.value.fields] == ["params.top_p"]


def test_a_long_poll_returns_when_the_job_becomes_final(client: FrontierClient, server: JobServer) -> None:
    job = client.submit(BODY, idempotency_key="k")

    with ThreadPoolExecutor(1) as other:
        waiting = other.submit(client.wait, job.id, seconds=60)
        server.api.wait_until(lambda: server.calls["GET"] == 1)
        server.api.finish(job.id)

    assert waiting.result().text == "echo hello"
    assert server.requests[-1].headers["prefer"] == "wait=60"


def test_a_server_that_does_not_wait_is_not_asked_in_a_hot_loop(
    client: FrontierClient, server: JobServer, passed_time: PassedTime
) -> None:
    server.api.honours_wait = False
    job = client.submit(BODY, idempotency_key="k")

    client.wait(job.id, seconds=20)

    assert passed_time.pauses == [0.5]


def test_a_text_too_long_for_the_job_object_is_fetched_from_its_result(
    client: FrontierClient, server: JobServer
) -> None:
    server.api.inline_results = False
    job = client.submit(BODY, idempotency_key="k")
    server.api.finish(job.id)

    final = client.job(job.id)

    assert final.text is None
    assert client.with_text(final).text == "echo hello"


def test_a_listing_goes_on_over_pages_up_to_the_limit(client: FrontierClient) -> None:
    ids = [client.submit(BODY, idempotency_key=str(n)).id for n in range(250)]

    assert [job.id for job in client.jobs(limit=220, metadata={})] == ids[:-221:-1]


def test_a_server_of_another_kind_is_recognised(client: FrontierClient, server: JobServer) -> None:
    server.api.health = Answer(200, {"hello": "world"})

    with pytest.raises(ApiProblem):
        client.health()


def test_many_threads_share_one_client_and_its_connections(server: JobServer) -> None:
    barrier = threading.Barrier(8)

    def submit_some(thread: int) -> None:
        barrier.wait()
        for n in range(20):
            shared.submit(BODY, idempotency_key=f"{thread}-{n}")

    with FrontierClient(server.url, TOKEN, connections=8) as shared, ThreadPoolExecutor(8) as threads:
        list(threads.map(submit_some, range(8)))

    assert len(server.api.jobs) == 160
    assert server.most_connections <= 8
