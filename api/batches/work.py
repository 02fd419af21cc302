"""What running a batch takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from api.batches.endpoints import ENDPOINTS, Endpoint
from api.batches.limits import BatchLimits
from api.batches.line_submissions import LineSubmissions
from api.batches.lines import LineReader
from api.batches.turns import Turns
from jobs.batches.batch import Batch
from jobs.batches.store import BatchStore
from jobs.events import Listener
from jobs.store import JobStore
from models.catalog import Catalog
from resilience.failpoints import Reach, unarmed
from storage.storage import Storage


@dataclass(frozen=True, kw_only=True)
class Work:
    """One per process, used by many threads at once; `clock` is monotonic, `now` Unix seconds.

    Whoever looks through an input asks `turns` first, so that batches that are under way need not wait behind many.
    """

    batches: BatchStore
    jobs: JobStore
    storage: Storage
    submissions: LineSubmissions
    catalog: Catalog
    limits: BatchLimits
    draw_seed: Callable[[], int]
    clock: Callable[[], float]
    now: Callable[[], float]
    listeners: tuple[Listener, ...] = ()
    reach: Reach = unarmed
    turns: Turns = field(default_factory=Turns)

    def reader(self, batch: Batch) -> LineReader:
        """Reads the lines of a batch."""
        return LineReader(endpoint=self.endpoint(batch), catalog=self.catalog, draw_seed=self.draw_seed)

    @staticmethod
    def endpoint(batch: Batch) -> Endpoint:
        return ENDPOINTS[batch.endpoint]
