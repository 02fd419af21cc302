from __future__ import annotations

import socket
from functools import partial
from itertools import count
from pathlib import Path
from random import Random

import pytest

from scripts.benchmark import servers
from scripts.benchmark.first_tokens import WARM_UP, FirstToken, first_tokens
from scripts.benchmark.frames import frames
from scripts.benchmark.freed_slots import Cancelled, freed_slots
from scripts.benchmark.scripted import REQUEST, scripted_config
from scripts.benchmark.sections.streams import SECTION, STEP_SECONDS, report
from scripts.benchmark.slow_clients import HEADER, slow_clients
from scripts.benchmark.token_lags import token_lags
from scripts.benchmark.waiting_readers import Waited, waiting_readers

needs_a_server = pytest.mark.usefixtures("server_binary")


def _waited(*, megabytes: float = 20, connections: int = 7, health: float = 0.05) -> Waited:
    return Waited(
        bytes_before=50_000_000,
        bytes_with=50_000_000 + round(megabytes * 1e6),
        redis_connections=connections,
        health_before=(0.01,),
        health_with=(health,) * 99 + (9.0,),
    )


def _cancelled(steps: int) -> Cancelled:
    return Cancelled(answered=0.01, arrived=0.005, next_token=0.15, steps=steps)


def _first(direct: float, through: float) -> FirstToken:
    return FirstToken(direct=direct, through=through, queue_wait=0.003, in_worker=direct)


def test_frames_are_told_from_bytes_in_any_pieces_and_comments_are_none() -> None:
    told = (
        b': \n\nevent: token\nid: 0\ndata: {"index":0,"text":" a: b"}\n\nevent: final\ndata: {"status":"ok"}\n\nevent'
    )
    for size in (1, 7, len(told)):
        pieces = iter([told[start : start + size] for start in range(0, len(told), size)])
        found = list(frames(partial(next, pieces, b""), clock=count().__next__))
        assert [(frame.name, dict(frame.data)) for frame in found] == [
            ("token", {"index": 0, "text": " a: b"}),
            ("final", {"status": "ok"}),
        ]
        assert 0 <= found[0].at <= found[1].at


@needs_a_server
def test_first_tokens_come_from_an_engine_and_through_a_system_in_pairs(tmp_path: Path) -> None:
    requests = [REQUEST] * (WARM_UP + 2)
    found = first_tokens(tmp_path, scripted_config(tmp_path), requests, slots=4)
    assert len(found) == 2
    assert all(0 < one.direct < one.through for one in found)


@needs_a_server
def test_every_token_but_the_first_of_each_stream_was_on_its_way(tmp_path: Path) -> None:
    rounds = token_lags(tmp_path, rounds=2, streams=3, tokens=5, tokens_per_second=50)
    assert [len(lags) for lags in rounds] == [3 * 4, 3 * 4]
    assert all(lag > 0 for lags in rounds for lag in lags)


@needs_a_server
def test_a_cancel_arrives_before_the_next_job_has_its_token(tmp_path: Path) -> None:
    found = freed_slots(tmp_path, times=3, step_seconds=0.05, random=Random(0))
    assert len(found) == 3
    assert all(0 < one.arrived < one.next_token for one in found)
    assert all(one.answered > 0 and one.steps >= 0 for one in found)


@needs_a_server
def test_readers_who_wait_are_counted_with_what_they_need(tmp_path: Path) -> None:
    waited = waiting_readers(tmp_path / "system", readers=40, slow=3, checks=10, checks_per_second=50)
    assert waited.bytes_before > 0
    assert waited.redis_connections >= 2, "one that hears of changes, and one that reads"
    assert (len(waited.health_before), len(waited.health_with)) == (5, 10)


def test_slow_clients_never_end_what_they_have_begun_and_come_back() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        with slow_clients(server.getsockname()[1], headers=1, bodies=1, token=servers.TOKEN):
            one, other = server.accept()[0], server.accept()[0]
            heads = {connection.recv(len(HEADER)) for connection in (one, other)}
            assert HEADER in heads
            assert any(head.startswith(b"POST") for head in heads)
            one.close()
            server.accept()[0].close()
        while other.recv(4096):
            pass
        other.close()


def test_what_is_added_to_first_tokens_is_a_difference_of_pairs() -> None:
    told = report(
        firsts=[_first(0.01, 0.02), _first(0.03, 0.05), _first(0.02, 0.06)],
        lags=[[0.01] * 94 + [0.03] * 6, [0.01] * 94 + [0.05] * 6],
        cancelled=[_cancelled(1)],
        waited=_waited(),
    )
    added, lag = told.figures["first_token"], told.figures["lag_p95"]
    assert (added.low, added.median, added.high) == pytest.approx((10, 20, 40))
    assert (lag.low, lag.high) == pytest.approx((30, 50))
    assert told.figures["megabytes"].median == pytest.approx(20)
    assert told.figures["health_p99"].median == pytest.approx(50)


def test_a_slot_that_was_kept_too_long_and_readers_that_need_too_much_miss_their_goals() -> None:
    figures = report(
        firsts=[_first(0.01, 0.02)],
        lags=[[0.01]],
        cancelled=[_cancelled(1)] * 8 + [_cancelled(2)],
        waited=_waited(megabytes=151, connections=11, health=0.3),
    ).figures
    assert [goal.figure for goal in SECTION.goals if goal.verdict(figures[goal.figure]) == "missed"] == [
        "steps",
        "megabytes",
        "connections",
        "health_p99",
    ]


def test_a_slot_is_free_a_step_before_the_next_job_s_first_token() -> None:
    told = report(firsts=[_first(0.01, 0.02)], lags=[[0.01]], cancelled=[_cancelled(1)], waited=_waited())
    rows = {row[0]: row[1] for table in told.tables for row in table.rows}
    assert float(rows["the next job has its first token"]) == pytest.approx(150)
    assert float(rows["the slot is free: a step earlier"]) == pytest.approx(150 - 1000 * STEP_SECONDS)
