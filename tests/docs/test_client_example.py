"""docs/examples/client.py, as it stands there, against a real API and a real worker."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from importlib.util import module_from_spec, spec_from_file_location
from itertools import cycle, islice
from types import ModuleType

import pytest
import requests
from redis import Redis

from jobs.request import InferenceRequest, RequestType
from jobs.store import JobStore
from models.scripted import echo
from tests.api.conftest import TOKEN
from tests.api.gunicorn_process import GunicornProcess
from tests.cutting_proxy import CuttingProxy
from tests.docs.page_blocks import DOCS
from tests.system.worker_process import WorkerProcess, wait_for

FILE = DOCS / "examples" / "client.py"
PROMPT = "O Romeo, Romeo, wherefore art thou"
TOKENS = 64

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = b'{"test": 2432232314}'
SIGNED_AT = 1614265330
HEADERS = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": str(SIGNED_AT),
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
"""The example of the Standard Webhooks libraries."""


@pytest.fixture(scope="module")
def example() -> ModuleType:
    spec = spec_from_file_location("client_example", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def server(redis_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GunicornProcess]:
    with Redis.from_url(redis_server) as client, ExitStack() as cleanup:
        client.flushdb()
        folder = tmp_path_factory.mktemp("worker")
        worker = WorkerProcess(redis_server, folder, tokens_per_second=50, env={})
        cleanup.callback(worker.stop)
        worker.start()
        env = {"REDIS_URL": redis_server, "TRUTHGPT_CONFIG": str(folder / "models.yaml")}
        process = GunicornProcess(env, tmp_path_factory.mktemp("gunicorn") / "log")
        cleanup.callback(process.close)
        wait_for(lambda: bool(JobStore(client).queue("m", "default").slots), 120)
        yield process


def said(prompt: str) -> list[str]:
    """The tokens that the scripted model has for this prompt."""
    request = InferenceRequest(model="m", type=RequestType.COMPLETION, prompt=prompt)
    return list(islice(cycle(echo(request).tokens), TOKENS))


def test_it_has_a_hundred_lines_at_the_most() -> None:
    assert len(FILE.read_text(encoding="utf-8").splitlines()) <= 100


def test_it_runs_as_its_first_line_says(server: GunicornProcess) -> None:
    env = {"PATH": os.environ["PATH"], "FRONTIER_URL": f"http://127.0.0.1:{server.port}", "TRUTHGPT_API_TOKEN": TOKEN}

    done = subprocess.run(
        [sys.executable, str(FILE), PROMPT], env=env, capture_output=True, text=True, timeout=300, check=True
    )

    first, rest = done.stdout.split("\n", 1)
    assert first.startswith("submitted job_")
    assert rest.startswith("".join(said(PROMPT)))
    assert rest.splitlines()[-1].startswith("succeeded after ")
    assert rest.endswith(f"{TOKENS} tokens\n")


def in_the_midst_of_a_token(told: bytes) -> int | None:
    """Where an answer ends that has told more than nine; one that tells none goes on."""
    name = b"event: token"
    return told.rindex(name) + len(name) if told.count(name) > 9 else None


def test_a_stream_that_is_cut_within_a_token_goes_on_without_repeat_or_gap(
    example: ModuleType, server: GunicornProcess
) -> None:
    with CuttingProxy(server.port, [in_the_midst_of_a_token]).running() as proxy:
        client = example.Client(proxy.url, TOKEN)
        job_id = client.submit({"input": {"prompt": PROMPT}, "params": {"max_tokens": TOKENS}}, key="cut")

        pieces = list(client.stream(job_id))

        assert proxy.times_cut == 1
        assert pieces == said(PROMPT)
        assert client.wait(job_id)["result"]["text"] == "".join(pieces)
        client.session.close()


def test_a_repeated_submit_finds_its_job_and_a_refusal_says_why(example: ModuleType, server: GunicornProcess) -> None:
    client = example.Client(f"http://127.0.0.1:{server.port}", TOKEN)
    job = {"input": {"prompt": PROMPT}, "params": {"max_tokens": 1}}

    assert client.submit(job, key="twice") == client.submit(job, key="twice")
    with pytest.raises(requests.HTTPError, match=r"input: "):
        client.submit({"input": {}}, key="refused")
    client.session.close()


def test_it_verifies_the_example_of_the_standard(example: ModuleType) -> None:
    assert example.verify(SECRET, HEADERS, BODY, now=SIGNED_AT + 299) == {"test": 2432232314}


def test_one_signature_of_several_is_enough(example: ModuleType) -> None:
    rotated = {name.title(): value for name, value in HEADERS.items()}
    rotated["Webhook-Signature"] = f"v1,AAAA v1a,BBBB {HEADERS['webhook-signature']}"

    assert example.verify(SECRET, rotated, BODY, now=SIGNED_AT) == {"test": 2432232314}


@pytest.mark.parametrize(
    ("secret", "headers", "body", "now"),
    [
        (SECRET, HEADERS, BODY.replace(b"4", b"5"), SIGNED_AT),
        (SECRET, HEADERS | {"webhook-id": "msg_other"}, BODY, SIGNED_AT),
        (SECRET, HEADERS | {"webhook-timestamp": str(SIGNED_AT + 1)}, BODY, SIGNED_AT),
        (SECRET, HEADERS, BODY, SIGNED_AT + 301),
        (SECRET, HEADERS, BODY, SIGNED_AT - 301),
        (SECRET, HEADERS | {"webhook-signature": ""}, BODY, SIGNED_AT),
        (SECRET, {}, BODY, SIGNED_AT),
        ("whsec_" + "A" * 32, HEADERS, BODY, SIGNED_AT),
    ],
)
def test_what_was_changed_or_is_old_is_refused(
    example: ModuleType, secret: str, headers: dict[str, str], body: bytes, now: int
) -> None:
    with pytest.raises(ValueError, match=r"sign|invalid literal"):
        example.verify(secret, headers, body, now=now)
