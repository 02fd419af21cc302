"""Results of real workers that an API tells again; a worker that dies before it has kept one costs that one."""

from __future__ import annotations

from scripts.client import FrontierClient
from scripts.job_view import JobView
from tests.system.fleet import MODEL, PATIENCE_SECONDS, TENANT, TOKEN, Fleet
from tests.system.worker_process import wait_for

BODY = {
    "model": MODEL,
    "input": {"prompt": "hark who knocks"},
    "params": {"max_tokens": 5, "temperature": 0},
}


class Asker:
    """Asks the same again and again, and erases at the end what that has made."""

    def __init__(self, fleet: Fleet, client: FrontierClient) -> None:
        self._fleet = fleet
        self._client = client
        self._ids: list[str] = []

    def ask(self) -> JobView:
        job = self._client.submit(BODY, idempotency_key=f"ask-{len(self._ids)}")
        self._ids.append(job.id)
        wait_for(lambda: self._client.job(job.id).is_final, PATIENCE_SECONDS, tell=self._fleet.words)
        return self._client.job(job.id)

    def erase_all(self) -> None:
        for job_id in self._ids:
            self._fleet.store.erase(TENANT, job_id)


def is_cached(job: JobView) -> bool:
    return bool(job.body.get("cached"))


def test_a_worker_killed_between_the_record_and_the_cache_has_the_next_job_run_and_then_the_result_is_known(
    fleet: Fleet,
) -> None:
    for worker in fleet.workers:
        fleet.restart(worker, FRONTIER_FAILPOINTS="worker.after_finish=kill")
    with FrontierClient(fleet.url, TOKEN) as client:
        asker = Asker(fleet, client)
        first, second = asker.ask(), asker.ask()
        assert [first.succeeded, is_cached(first), second.succeeded, is_cached(second)] == [True, False, True, False]

        again = second
        while not is_cached(again):
            again = asker.ask()
        assert (again.succeeded, again.text) == (True, first.text)
        asker.erase_all()
        assert fleet.client.keys("frontier:cache:entry:*") == []
