from __future__ import annotations

from pathlib import Path

from api.submission import Submission, Submissions
from jobs.ids import new_id
from jobs.request import RequestType
from jobs.store import JobStore
from models.catalog import Catalog
from resilience.failpoints import Failpoint
from tasks.app import make_app
from tasks.dispatch import Dispatcher
from tests.api.conftest import Worker


def test_a_submit_passes_each_failpoint_where_its_name_says(
    store: JobStore, worker: Worker, redis_url: str, catalog_file: Path
) -> None:
    passed: list[tuple[Failpoint, int, int]] = []

    def reach(place: Failpoint) -> None:
        queue = store.queue("poet", "default")
        passed.append((place, queue.waiting, queue.dispatched))

    worker.join()
    submissions = Submissions(
        store=store,
        dispatcher=Dispatcher(store, make_app(redis_url)),
        catalog=Catalog.load(catalog_file),
        new_id=lambda: new_id("job"),
        draw_seed=lambda: 7,
        clock=lambda: 1_795_384_800.0,
        reach=reach,
    )
    submissions.submit(Submission(type=RequestType.COMPLETION, fingerprint="f", prompt="Hark!"), tenant="default")
    assert passed == [
        (Failpoint.API_BEFORE_RECORD, 0, 0),
        (Failpoint.API_AFTER_RECORD, 1, 0),
        (Failpoint.API_AFTER_DISPATCH, 0, 1),
    ]
