"""What must be true of batches when they and all that was done to them are over."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from jobs.batches.batch import Batch, PartKind
from jobs.batches.ids import batch_folder
from storage.drafts import UNFINISHED
from tests.system.batch_site import PATIENCE_SECONDS, TENANT, BatchSite
from tests.system.books import BELONGS_TO_NO_JOB
from tests.system.remains import Remains
from tests.system.worker_process import wait_for

KINDS: tuple[PartKind, PartKind] = ("output", "errors")
BELONGS_TO_NO_LINE = re.compile(
    r"ended_batches|files_due|t:[^:]+:(batches|filed|batch:[^:]+|batch_idem:.+|files|file:.+|parts:.+)"
)
RECORDED = ("ok", "already")


class BatchBooks:
    """Compares what a client has read with the record, the storage and the words of the worker."""

    def __init__(self, site: BatchSite) -> None:
        self._site = site
        self._remains = Remains(site.client, site.jobs.keys, tenant=TENANT, model="m")
        self._remains.forget_what_was_counted()

    def close(self, *batch_ids: str) -> None:
        """Wait until all work is done, then check everything that these batches may have left."""
        batches = [self._site.batch(batch_id) for batch_id in batch_ids]
        assert all(batch.status.is_final for batch in batches), batches
        self._site.until_no_job_is_left()
        wait_for(lambda: self._remains.work() == {}, PATIENCE_SECONDS, tell=lambda: str(self._remains.work()))
        self._check_that_what_was_used_was_counted_once(batches)
        for batch in batches:
            self._check_that_no_line_ran_again_that_had_ended(batch)
            self._check_the_storage(batch)
        assert self.traces() == [], self.traces()

    def traces(self) -> list[str]:
        """Keys of lines, though there is none that is a job."""
        others = (BELONGS_TO_NO_JOB, BELONGS_TO_NO_LINE)
        return [name for name in self._remains.named("*") if not any(one.fullmatch(name) for one in others)]

    def attempts(self, batch_id: str) -> dict[str, list[Mapping[str, Any]]]:
        """What the worker has said of the attempts at each line, in their order; one that was killed says nothing."""
        numbers = {line["id"].partition("req_")[2] for kind in KINDS for line in self._site.answers(batch_id, kind)}
        said: dict[str, list[Mapping[str, Any]]] = {number: [] for number in numbers}
        for entry in self._site.worker.events("attempt_finished"):
            number = entry["job_id"].partition("_")[2]
            if number in said:
                said[number].append(entry)
        return said

    def _check_that_what_was_used_was_counted_once(self, batches: Iterable[Batch]) -> None:
        counted = self._remains.counted(batch.created_at for batch in batches)
        succeeded = sum(used.jobs for (outcome, _, _), used in counted.items() if outcome == "succeeded")
        assert succeeded == sum(batch.completed for batch in batches), counted
        for member in ("prompt_tokens", "completion_tokens"):
            used = sum(getattr(one.usage, member) for one in counted.values())
            assert used == sum(getattr(batch.usage, member) for batch in batches), (member, counted)

    def _check_that_no_line_ran_again_that_had_ended(self, batch: Batch) -> None:
        for said in self.attempts(batch.id).values():
            ends = [entry["answer"] in RECORDED and entry["state"] == "succeeded" for entry in said]
            assert not any(ends[:-1]), said

    def _check_the_storage(self, batch: Batch) -> None:
        """The parts that are read, and nothing else of the batch."""
        wait_for(lambda: self._lying(batch) == self._site.part_names(batch.id), PATIENCE_SECONDS)
        assert list((self._site.files_folder / UNFINISHED).glob("*")) == []

    def _lying(self, batch: Batch) -> set[str]:
        return set(self._site.storage.names(batch_folder(TENANT, batch.id)))


def check_answers(answers: Iterable[Mapping[str, Any]], expected: Mapping[str, str]) -> None:
    """Each line that was *expected*, by its `custom_id`, was answered once and with its own text."""
    told = list(answers)
    assert Counter(answer["custom_id"] for answer in told) == Counter(expected.keys())
    for answer in told:
        body = answer["response"]["body"]
        text = body["choices"][0]["message"]["content"]
        assert text == expected[answer["custom_id"]], answer
