"""npm's eventsource, as a browser would, reads a job through a proxy that cuts it off at random places."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts import paths
from scripts.generation import Generation
from tests.conftest import SEED
from tests.cutting_proxy import CuttingProxy, after_bytes
from tests.npm.node_place import NodePlace
from tests.system.up_process import UpProcess, echo_up

pytestmark = pytest.mark.npm
TOKENS = 400
CUTS = 8
CONFIG = "models:\n  echo:\n    engine: scripted\n    script: {tokens_per_second: 40}\n"


@pytest.fixture
def up(tmp_path: Path, server_binary: Path) -> Iterator[UpProcess]:  # noqa: ARG001 - skips where there is none
    with echo_up(tmp_path, CONFIG) as up:
        yield up


def test_eventsource_resumes_after_every_cut_and_is_sent_away_at_the_end(
    up: UpProcess, tmp_path_factory: pytest.TempPathFactory
) -> None:
    draw = random.Random(SEED)
    place = NodePlace(tmp_path_factory.mktemp("npm"))
    body = Generation(chat=False, model="echo", max_tokens=TOKENS).body("who \U0001f600 knocks there, é")
    job_id = up.client.submit(body, idempotency_key=uuid.uuid4().hex).id
    proxy = CuttingProxy(up.port, [after_bytes(draw.randint(0, 4000)) for _ in range(CUTS)])
    with proxy.running():
        env = {"STREAM_URL": f"{proxy.url}/v1/jobs/{job_id}/events", "TOKEN": paths.read_token(up.data_dir) or ""}
        told = json.loads(place.said("read_stream.mjs", env))

    job = up.client.job(job_id)
    assert told["ids"] == told["indexes"] == list(range(TOKENS))
    assert told["text"] == job.text
    assert told["finals"] == [job.text]
    assert told["snapshots"] == sorted(told["snapshots"])
    assert proxy.times_cut == CUTS
    assert told["reconnects"] == CUTS + 1
    assert (told["code"], told["isClosed"]) == (204, True)
