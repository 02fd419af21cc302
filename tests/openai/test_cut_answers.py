"""A client whose connection is cut asks again by itself: the second request finds the job of the first."""

from __future__ import annotations

from typing import Any

from openai import OpenAI
from redis import Redis

from jobs.store import JobStore
from tests.api.conftest import TOKEN
from tests.api.gunicorn_process import GunicornProcess
from tests.openai.cutting_proxy import CuttingProxy

ASKED: Any = {"model": "m", "messages": [{"role": "user", "content": "Who is it that cuts?"}], "max_tokens": 40}


def test_a_retry_finds_the_job_whose_answer_was_cut_off_and_a_new_request_makes_another(
    server: GunicornProcess, redis_server: str
) -> None:
    with Redis.from_url(redis_server) as redis:
        store = JobStore(redis)
        before = {job.id for job in store.list("default", limit=100).jobs}

        def made() -> set[str]:
            return {job.id for job in store.list("default", limit=100).jobs} - before

        proxy = CuttingProxy(server.port, cuts=1, is_time=lambda: bool(made()))
        with (
            proxy.running(),
            OpenAI(base_url=f"http://127.0.0.1:{proxy.port}/v1", api_key=TOKEN, max_retries=2) as client,
        ):
            first = client.chat.completions.with_raw_response.create(**ASKED)
            assert first.http_request.headers["x-stainless-retry-count"] == "1"
            assert first.headers["Idempotency-Replayed"] == "true"
            assert [first.headers["Location"].rpartition("/")[2]] == list(made())
            assert first.parse().choices[0].message.content

            second = client.chat.completions.with_raw_response.create(**ASKED)
            assert "Idempotency-Replayed" not in second.headers
            assert len(made()) == 2
