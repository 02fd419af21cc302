"""A runner in a process of its own, to be killed: `python -m tests.jobs.batches.runner_process REDIS_URL FOLDER`.

It says in one word, a line each, what it has just done.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import redis

from jobs.batches.batch import BatchLease, BatchStatus, Part
from jobs.batches.ids import line_job_id, part_name
from jobs.batches.store import BatchStore
from jobs.job import JobState, Outcome, Priority, Usage
from jobs.new_job import KnownResult, LineOfBatch, NewJob, Reuse
from jobs.request import InferenceRequest, RequestType, SamplingParams
from jobs.settings import StoreSettings
from jobs.store import JobStore
from jobs.token_run import TokenRun

SETTINGS = StoreSettings(lease_seconds=0.5)
BATCH = "batch_killed"
LINES = 40
AT_ONCE = 3


def say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def claimed(batches: BatchStore) -> BatchLease:
    while (lease := batches.claim(f"default/{BATCH}", "r")) is None:
        if batches.find("default", BATCH).status.is_final:
            sys.exit()
        time.sleep(0.02)
    return lease


def line(lease: BatchLease, position: int) -> NewJob:
    """One whose result is known, so that no worker is needed."""
    outcome = Outcome(state=JobState.SUCCEEDED, text=f"line {position}", usage=Usage(prompt_tokens=1))
    return NewJob(
        id=line_job_id(BATCH, position + 1),
        tenant="default",
        request=InferenceRequest(model="m", type=RequestType.COMPLETION, prompt="x", params=SamplingParams()),
        priority=Priority.BATCH,
        line=LineOfBatch(batch_id=BATCH, token=lease.token, position=position),
        reuse=Reuse(digest=f"d{position}", known=KnownResult(outcome=outcome, tokens=TokenRun())),
    )


def run(batches: BatchStore, store: JobStore, folder: Path) -> None:
    lease = claimed(batches)
    say("claimed")
    batches.validated(lease, total=LINES, model="m", order_name="order")
    number, position = lease.batch.output_parts, lease.batch.position
    while position < LINES or batches.ended(lease, 1):
        if batches.renew([lease]) == [None]:
            sys.exit("somebody else has claimed")
        for _ in range(min(AT_ONCE, LINES - position)):
            store.accept(line(lease, position))
            position += 1
        say("submitted")
        taken = [ended.job_id for ended in batches.ended(lease, AT_ONCE)]
        number += 1
        name = part_name("default", BATCH, "output", number, lease.token)
        texts = "".join(f"{store.find('default', job_id).text}\n" for job_id in taken)
        folder.joinpath(name.replace("/", "_")).write_text(texts)
        say("written")
        part = Part(kind="output", number=number, name=name, lines=len(taken), bytes=len(texts))
        batches.commit(lease, [part], taken=taken, completed=len(taken), failed=0)
        say("committed")
        batches.forget(lease, taken)
        say("forgotten")
    batches.finalize(lease)
    say("finalized")
    batches.end(lease, BatchStatus.COMPLETED)
    say("ended")


if __name__ == "__main__":
    with redis.Redis.from_url(sys.argv[1]) as client:
        run(BatchStore(client, SETTINGS), JobStore(client, SETTINGS), Path(sys.argv[2]))
