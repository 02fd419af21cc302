"""What the queue adds to the time of one job."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

from jobs.ids import new_id
from jobs.new_job import NewJob
from jobs.store import JobStore
from scripts.benchmark import servers
from scripts.benchmark.client import Client
from scripts.benchmark.crowd import crowd
from scripts.benchmark.estimate import estimate, percentile, ratio
from scripts.benchmark.figures import estimates, number
from scripts.benchmark.pairs import alternate
from scripts.benchmark.scripted import REQUEST, scripted_config
from scripts.benchmark.section import Goal, Report, Section, Table
from scripts.benchmark.settings import Settings, say

JOBS_PER_SECOND = 20
CLIENTS = 32
BACKLOG = 100_000
BLOCK = 10
SHARES = (0.5, 0.95, 0.99)


def run(settings: Settings) -> Report:
    """First the latencies of a system with little to do, then submits to a long queue and to a short one."""
    config = scripted_config(settings.folder)
    say(f"{JOBS_PER_SECOND} jobs per second")
    accepted, ended = calm(settings.folder / "calm", config, jobs=settings.pick(quick=100, full=400))
    say(f"submits with {BACKLOG:,} jobs waiting, and without")
    short, long = backlog(settings.folder, config, waiting=BACKLOG, rounds=settings.pick(quick=20, full=100))
    share = ratio(long, short)
    rows = {"submit to 202": accepted, "submit to result, by long poll": ended}
    return Report(
        tables=[
            Table(
                title=f"{JOBS_PER_SECOND} jobs per second, milliseconds",
                columns=["", *(f"p{share * 100:.0f}" for share in SHARES), "n"],
                rows=[[name, *_milliseconds(values), str(len(values))] for name, values in rows.items()],
            ),
            estimates(
                f"p50 of {BLOCK} submits, milliseconds",
                {
                    "queue empty": estimate(1000 * seconds for seconds in short),
                    f"{BACKLOG:,} jobs waiting": estimate(1000 * seconds for seconds in long),
                },
            ),
            estimates("p50 of submits", {f"{BACKLOG:,} jobs waiting, over none": share}),
        ],
        figures={"backlog": share},
        raw={"submit_seconds": accepted, "result_seconds": ended, "empty_p50": short, "backlog_p50": long},
    )


def calm(folder: Path, config: Path, *, jobs: int) -> tuple[list[float], list[float]]:
    """Seconds from when a job is due to its 202 and to its result, for jobs that arrive at a steady pace."""
    with (
        servers.redis(folder / "redis") as redis_url,
        servers.api(folder, redis_url=redis_url, config=config) as client,
        servers.worker(folder, redis_url=redis_url, config=config),
        ThreadPoolExecutor(max_workers=CLIENTS) as pool,
    ):
        crowd([REQUEST] * CLIENTS, lambda request: client.result(client.submit(request)), clients=CLIENTS)
        try:
            asked = []
            began = time.perf_counter()
            for nth in range(jobs):
                due_at = began + nth / JOBS_PER_SECOND
                time.sleep(max(0.0, due_at - time.perf_counter()))
                asked.append(pool.submit(_submit_and_wait, client, due_at))
            seconds = [one.result() for one in asked]
        finally:
            pool.shutdown(cancel_futures=True)
    return [accepted for accepted, _ in seconds], [ended for _, ended in seconds]


def backlog(folder: Path, config: Path, *, waiting: int, rounds: int) -> tuple[list[float], list[float]]:
    """Median seconds of blocks of submits: to a queue that was empty at first, and to one with *waiting* jobs."""
    with (
        servers.redis(folder / "short") as short_url,
        servers.redis(folder / "long") as long_url,
        servers.api(folder / "short-api", redis_url=short_url, config=config) as short,
        servers.api(folder / "long-api", redis_url=long_url, config=config) as long,
    ):
        fill(long_url, waiting)
        p50 = alternate({"short": lambda _: _block(short), "long": lambda _: _block(long)}, rounds=rounds + 1)
    return p50["short"][1:], p50["long"][1:]  # the first round opens connections


def fill(redis_url: str, waiting: int) -> None:
    """Record so many jobs, and let them wait."""
    with servers.connected(redis_url) as client:
        store = JobStore(client)
        jobs = [NewJob(id=new_id("job"), tenant="default", request=REQUEST) for _ in range(waiting)]
        crowd(jobs, store.accept, clients=4)


def _submit_and_wait(client: Client, due_at: float) -> tuple[float, float]:
    job = client.submit(REQUEST)
    accepted = time.perf_counter() - due_at
    client.result(job)
    return accepted, time.perf_counter() - due_at


def _block(client: Client) -> float:
    seconds = []
    for _ in range(BLOCK):
        began = time.perf_counter()
        client.submit(REQUEST)
        seconds.append(time.perf_counter() - began)
    return median(seconds)


def _milliseconds(seconds: Sequence[float]) -> list[str]:
    return [number(1000 * percentile(seconds, share)) for share in SHARES]


SECTION = Section(
    name="latency",
    title="Latency of one job",
    method=(
        f"A scripted engine that answers at once. {JOBS_PER_SECOND} jobs per second arrive whether or not others "
        "have ended, over connections that are kept open; each client submits, gets its 202, and then waits by a "
        f"long poll. The clock starts when a job is due, so a wait until one of the {CLIENTS} clients is free counts. "
        f"For the backlog there are two systems without a worker, one with {BACKLOG:,} recorded jobs and "
        f"one with none, to which one client submits blocks of {BLOCK} jobs in turn; the second one's queue grows "
        "with them to about a hundredth of the first one's."
    ),
    run=run,
    goals=[Goal(figure="backlog", text=f"p50 of submits with {BACKLOG:,} jobs waiting, over none", at_most=1.2)],
)
