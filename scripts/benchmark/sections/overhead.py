"""What the queue costs: jobs per second beside a Celery task that does nothing."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from statistics import median

from redis import Redis

from observability.logs import configure_logging
from scripts.benchmark import job_paths
from scripts.benchmark.estimate import Estimate, estimate, ratio
from scripts.benchmark.figures import estimates
from scripts.benchmark.jobs_per_second import Pace, Way, measure
from scripts.benchmark.pairs import alternate
from scripts.benchmark.section import Goal, Report, Section, Table
from scripts.benchmark.servers import redis
from scripts.benchmark.settings import Settings

THREADS = 4
WARM_UP = 200
JOBS = 2_000
CELERY, ACKNOWLEDGING = "Celery, a task that does nothing", "the same, acknowledging"
OURS, HTTP = "Frontier, without HTTP", "Frontier, over HTTP"
PROCESSES = ("submitting", "api", "redis", "worker")
LEAST_SHARE = 0.6

Begin = Callable[[str, Path], AbstractContextManager[Way]]


def run(settings: Settings) -> Report:
    """Each way in turn, over the same Redis, which is emptied in between."""
    rounds, jobs = settings.pick(quick=1, full=5), settings.pick(quick=1_000, full=JOBS)
    ways: dict[str, Begin] = {
        CELERY: partial(job_paths.celery_alone, stride=WARM_UP, acknowledges=False),
        ACKNOWLEDGING: partial(job_paths.celery_alone, stride=WARM_UP, acknowledges=True),
        OURS: job_paths.without_http,
        HTTP: job_paths.over_http,
    }
    with (settings.folder / "submitting.log").open("w") as log, redis(settings.folder / "redis") as url:
        configure_logging(log)
        paces = alternate(
            {name: partial(_pace, begin, url, settings.folder, jobs) for name, begin in ways.items()}, rounds=rounds
        )
    shares = {
        f"{ours}, of {theirs}": _share(paces[ours], paces[theirs])
        for ours in (OURS, HTTP)
        for theirs in (CELERY, ACKNOWLEDGING)
    }
    return Report(
        tables=[_rates(paces), estimates("share", shares, title="As a share of Celery's rate"), _cpu(paces)],
        figures={
            "share_of_acknowledging": _share(paces[OURS], paces[ACKNOWLEDGING]),
            "share_of_unacknowledging": _share(paces[OURS], paces[CELERY]),
        },
        raw={
            name: [{"per_second": one.per_second, "cpu_ms": one.cpu_ms} for one in each] for name, each in paces.items()
        },
    )


def _pace(begin: Begin, url: str, folder: Path, jobs: int, _round: int) -> Pace:
    with Redis.from_url(url) as client:
        client.flushall()
        with begin(url, folder) as path:
            return measure(path, client, jobs=jobs, warm_up=WARM_UP, threads=THREADS)


def _share(ours: list[Pace], celery: list[Pace]) -> Estimate:
    return ratio([one.per_second for one in ours], [one.per_second for one in celery])


def _rates(paces: dict[str, list[Pace]]) -> Table:
    rates = {name: estimate(one.per_second for one in each) for name, each in paces.items()}
    return estimates("way of a job", rates, title="Finished jobs per second")


def _cpu(paces: dict[str, list[Pace]]) -> Table:
    return Table(
        title="CPU milliseconds per job",
        columns=["way of a job", *PROCESSES, "all"],
        rows=[
            [name, *(_milliseconds(each, process) for process in PROCESSES), f"{_total(each):.2f}"]
            for name, each in paces.items()
        ],
    )


def _milliseconds(paces: list[Pace], process: str) -> str:
    values = [one.cpu_ms[process] for one in paces if process in one.cpu_ms]
    return f"{median(values):.2f}" if values else ""


def _total(paces: list[Pace]) -> float:
    return median(one.cpu_ms_per_job for one in paces)


SECTION = Section(
    name="overhead",
    title="What the queue costs",
    method=(
        f"{JOBS:,} jobs of a scripted engine with {job_paths.SLOTS} slots, which says six words at once, against "
        "as many `delay()` calls of a Celery task that does nothing: the same app (`tasks.app.make_app`: no "
        f"result backend, no acknowledgement), thread pool of {job_paths.CONCURRENCY} and log level. Without "
        "acknowledgement, Celery alone forgets what a killed worker had in hand, which we find again; so it is "
        f"measured with acknowledgement too, which is its default. {THREADS} threads of one process submit as fast "
        f"as they can while one worker process works, after {WARM_UP} jobs that warm both up. Without HTTP a "
        "submit is `Submissions.submit`, which is all that the API does but parse and answer; over HTTP it is "
        "`POST /v1/jobs` on a kept connection per thread to one gunicorn worker. Jobs per second are those "
        "finished, over the time from the first submit to the last end. Every run begins with an empty Redis and "
        "fresh processes; the ways alternate, and shares are of the runs of one round. On two cores all of it "
        "competes for them, the submitting process too."
    ),
    run=run,
    goals=[
        Goal(
            figure="share_of_acknowledging",
            text="jobs/s without HTTP as a share of Celery's with a task that does nothing, acknowledged as by default",
            at_least=LEAST_SHARE,
        ),
        Goal(
            figure="share_of_unacknowledging",
            text="the same as a share of a Celery that acknowledges nothing either",
            at_least=LEAST_SHARE,
        ),
    ],
)
