"""Readers that leave their jobs or read no further, and jobs that are cancelled under their readers."""

from __future__ import annotations

import json
import select
import socket
from collections.abc import Callable

import pytest

from jobs.job import JobState
from tests.api.event_reader import events
from tests.api.gunicorn_process import GunicornProcess
from tests.system.small_site import PATIENCE_SECONDS, SmallSite
from tests.system.worker_process import wait_for

MakeSite = Callable[..., SmallSite]

CONFIG = """
models:
  m: {engine: scripted, slots: %s, context_tokens: 100000, limits: {max_tokens: 90000}, script: {tokens_per_second: %s}}
"""
ENDLESS = 90_000


def test_a_cancel_ends_the_stream_with_what_was_read_and_frees_the_slot(make_site: MakeSite) -> None:
    site = make_site(CONFIG % (1, 100))
    site.worker.start()
    reader = site.read(site.submit(max_tokens=ENDLESS))
    site.readers.wait_until_read(10)
    waiting = site.submit(max_tokens=5)
    assert site.api.send("POST", f"/v1/jobs/{reader.job_id}/cancel").status in {200, 202}
    site.readers.ended()
    assert reader.final is not None
    assert reader.final["status"] == "cancelled"
    assert reader.final["result"]["text"] == reader.text
    assert reader.final["usage"]["completion_tokens"] == len(reader.pieces) < ENDLESS
    assert reader.come_again() == 204
    assert site.final(waiting).state is JobState.SUCCEEDED


def test_a_reader_that_leaves_ends_its_own_job_if_it_said_so_and_no_other(make_site: MakeSite) -> None:
    site = make_site(CONFIG % (4, 100))
    site.worker.start()
    background = site.submit(max_tokens=150)
    other = site.read(background)
    leaving = site.readers.begin(background, cuts=[2000])
    going_on = infer_and_leave(site.api, max_tokens=150, on_disconnect="continue")
    by_default = infer_and_leave(site.api, max_tokens=150)
    ended = site.final(infer_and_leave(site.api, max_tokens=ENDLESS, on_disconnect="cancel"))
    leaving.stop()
    site.readers.ended()
    assert (ended.state, ended.text is not None) == (JobState.CANCELLED, True)
    assert 0 < ended.usage.completion_tokens < ENDLESS
    for job_id in (going_on, by_default, background):
        job = site.final(job_id)
        assert (job.state, job.usage.completion_tokens) == (JobState.SUCCEEDED, 150)
    assert len(other.pieces) == 150


@pytest.mark.long
def test_a_reader_that_reads_no_further_is_dropped_and_comes_back_for_all_it_missed(make_site: MakeSite) -> None:
    site = make_site(CONFIG % (1, 500), API_STREAM_STALL_S="0.5")
    site.worker.start()
    job_id = site.submit("x" * 2000, max_tokens=1000)
    path = f"/v1/jobs/{job_id}/events"
    with site.api.begin(f"GET {path} HTTP/1.1", receive_bytes=4096) as connection:
        with connection.makefile("rb") as answer:
            heard = (line for line in answer if line.startswith(b"id: "))
            last = [int(next(heard).removeprefix(b"id: ")) for _ in range(3)][-1]
        wait_for(lambda: has_hung_up(connection), PATIENCE_SECONDS)
    told = list(events([site.api.send("GET", path, Last_Event_ID=str(last)).text.encode()]))
    assert (told[0].name, told[0].id, told[-1].name) == ("snapshot", last, "final")
    assert [event.id for event in told if event.name == "token"] == list(range(last + 1, 1000))
    assert site.final(job_id).attempt == 1


def has_hung_up(connection: socket.socket) -> bool:
    """Whether the other end is gone, however much of what it sent was not read."""
    poll = select.poll()
    poll.register(connection, 0)
    return bool(poll.poll(0))


def infer_and_leave(api: GunicornProcess, **asked: object) -> str:
    """Have a prompt completed, and hang up after the third event; the id of the job."""
    body = json.dumps({"prompt": "who knocks", "stream": True, **asked}).encode()
    with api.begin(
        f"POST /v1/infer HTTP/1.1\nContent-Type: application/json\nContent-Length: {len(body)}"
    ) as connection:
        connection.sendall(body)
        with connection.makefile("rb") as answer:
            heard = (line for line in answer if line.startswith(b"data: "))
            snapshot, *_ = (next(heard) for _ in range(3))
    return str(json.loads(snapshot.removeprefix(b"data: "))["id"])
