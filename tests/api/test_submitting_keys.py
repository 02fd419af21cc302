"""Which API key a job belongs to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from api.process import ApiProcess
from tests.api.conftest import Api, Worker

MESSAGES = [{"role": "user", "content": "Hark!"}]
SUBMITS: Mapping[str, Mapping[str, Any]] = {
    "/v1/jobs": {"input": {"prompt": "Hark!"}},
    "/v1/infer": {"model": "poet", "prompt": "Hark!"},
    "/v1/chat/completions": {"model": "poet", "messages": MESSAGES},
    "/v1/completions": {"model": "poet", "prompt": "Hark!"},
    "/v1/responses": {"model": "poet", "input": "Hark!", "background": True},
}


@pytest.fixture(scope="module")
def hasty(make_process: Callable[..., ApiProcess]) -> ApiProcess:
    """No worker runs here: requests that wait give up at once."""
    return make_process({"API_FOREGROUND_S": "0.1"})


@pytest.mark.usefixtures("redis_url")
@pytest.mark.parametrize("path", SUBMITS)
def test_a_job_is_the_key_s_that_submitted_it(hasty: ApiProcess, worker: Worker, path: str) -> None:
    operator = Api(hasty.test_client())
    tenant = operator.of("default")
    key_id = operator.get("/v1/admin/keys").json["data"][0]["id"]

    for asker in (tenant, operator):
        asker.post(path, SUBMITS[path], Prefer="wait=0")

    assert [job.key_id for job in worker.store.list("default").jobs] == ["operator", key_id]


def test_a_requeue_is_the_key_s_that_asked_for_it(api: Api, worker: Worker) -> None:
    tenant = api.of("default")
    job_id = tenant.submit()
    api.post(f"/v1/jobs/{job_id}/cancel")

    new_id = api.post(f"/v1/jobs/{job_id}/requeue").json["id"]

    assert worker.store.find("default", new_id).key_id == "operator"
    assert worker.store.find("default", job_id).key_id != "operator"
