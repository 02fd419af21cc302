"""Streams of an engine that can go on from tokens, and of one that cannot, when the worker dies in the middle."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.models.openai_stand_in import StandIn, Stream, piece, says
from tests.models.tiny import save_tiny, tiny_tokenizer
from tests.system.small_site import PATIENCE_SECONDS, SmallSite
from tests.system.worker_process import wait_for

pytestmark = pytest.mark.long
MakeSite = Callable[..., SmallSite]

TORCH = """
models:
  m: {engine: torch, path: %s, slots: 4}
"""
UPSTREAM = """
models:
  m: {engine: upstream, slots: 2, upstream: {url: "%s", model: theirs}}
"""
RUNS: tuple[dict[str, Any], ...] = ({"temperature": 0}, {"temperature": 1.5, "seed": 7})


def test_a_model_that_lost_its_worker_goes_on_as_if_nothing_had_happened(make_site: MakeSite, tmp_path: Path) -> None:
    path = save_tiny("llama", tmp_path / "tiny", tiny_tokenizer(), context_tokens=1024)
    site = make_site(TORCH % path)
    asked = [{"max_tokens": 500, "ignore_eos": True, **run} for run in RUNS]
    disturbed = [site.submit(**params) for params in asked]
    readers = [site.read(job_id) for job_id in disturbed]
    site.worker.start(FRONTIER_FAILPOINTS="worker.before_emit=kill@5")
    assert site.worker.wait() == -signal.SIGKILL
    seen = [len(reader.pieces) for reader in readers]
    site.worker.start()
    site.readers.ended()
    undisturbed = [site.final(site.submit(**params)) for params in asked]
    jobs = [site.job(job_id) for job_id in disturbed]
    assert all(0 < count < 500 for count in seen)
    assert [job.attempt for job in jobs] == [2, 2]
    assert [reader.text for reader in readers] == [job.text for job in undisturbed] == [job.text for job in jobs]
    assert {len(reader.pieces) for reader in readers} == {500}


def test_where_nobody_can_go_on_only_a_job_that_nobody_has_read_starts_again(make_site: MakeSite) -> None:
    never = threading.Event()
    half = Stream([piece(" one"), piece(" two"), never])
    with closing(StandIn(half, half, says("all of it"))) as server:
        site = make_site(UPSTREAM % server.url)
        read, unread = site.submit(max_tokens=8), site.submit(max_tokens=8)
        reader = site.read(read)
        site.worker.start()
        site.readers.wait_until_read(2)
        wait_for(lambda: site.job(unread).emitted_tokens > 0, PATIENCE_SECONDS)
        site.worker.signal(signal.SIGKILL)
        assert site.worker.wait() == -signal.SIGKILL
        site.worker.start()
        [_] = site.readers.ended()
        whole = site.read(unread)
        site.readers.ended()
        never.set()
    assert reader.final is not None
    assert (reader.text, reader.final["status"]) == (" one two", "failed")
    assert (reader.final["error"]["type"], reader.final["error"]["retryable"]) == ("/problems/stream-lost", True)
    assert whole.final is not None
    assert (whole.text, whole.final["status"], whole.final["attempt"]) == (" all of it", "succeeded", 2)
