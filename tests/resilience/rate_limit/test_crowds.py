"""Many who take at once, in threads and in processes, some of which have their clocks wrong."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from jobs.connection import connect
from resilience.rate_limit.limiter import RateLimiter
from resilience.rate_limit.shared import Taken
from resilience.rate_limit.windows import Bucket, Burst, Window

ROOT = Path(__file__).resolve().parents[3]
HOUR = 3600.0
PATIENCE_SECONDS = 120


def test_of_sixteen_threads_at_one_limit_exactly_as_many_get_in(redis_url: str) -> None:
    client = connect(redis_url)
    limiter = RateLimiter(client, prefix="limits:")
    exact = Window("minute", 100, HOUR, "log")
    roomy = (Window("hour", 5000, HOUR, "counter"), Burst("at-once", 1, HOUR, 5000))
    buckets = [Bucket("key:a", (exact, *roomy), "key")]
    begin = threading.Barrier(16)

    def take_often(_: int) -> int:
        begin.wait(PATIENCE_SECONDS)
        return sum(limiter.take(buckets).allowed for _ in range(25))

    with ThreadPoolExecutor(16) as threads:
        allowed = sum(threads.map(take_often, range(16)))
    assert allowed == 100
    assert [one.remaining for one in limiter.look(buckets).states] == [0, 4900, 4900]
    assert limiter.statistics() == {"key": Taken(allowed=100, refused=300)}
    client.connection_pool.disconnect()


def test_of_several_processes_exactly_as_many_get_in_whatever_their_clocks_say(redis_url: str) -> None:
    told = _taken(redis_url, takes=40, limit=50, seconds=HOUR)
    assert [len(takes) for takes in told] == [40] * 4
    assert sum(allowed for takes in told for allowed, _, _ in takes) == 50


def test_no_window_of_time_ever_holds_more_than_the_limit(redis_url: str) -> None:
    """Of each take it is known when it began and ended; those that both lie within a window must be few enough."""
    seconds, limit = 0.1, 10
    told = _taken(redis_url, takes=400, limit=limit, seconds=seconds)
    allowed = [(began, ended) for takes in told for is_allowed, began, ended in takes if is_allowed]
    assert len(allowed) > limit, "the window has passed more than once"
    for first, _ in allowed:
        within = [ended for began, ended in allowed if began >= first and ended < first + seconds]
        assert len(within) <= limit


def _taken(url: str, *, takes: int, limit: int, seconds: float) -> list[list[tuple[bool, float, float]]]:
    """What four processes were told that took at the same time; one is an hour early, one an hour late."""
    module = "tests.resilience.rate_limit.taker"
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", module, url, str(takes), str(off), str(limit), str(seconds)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for off in (0, 0, HOUR, -HOUR)
    ]
    try:
        for process in processes:
            assert process.stdout
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin
            process.stdin.write("\n")
            process.stdin.flush()
        outputs = [process.communicate(timeout=PATIENCE_SECONDS)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    lines = [[line.split() for line in output.splitlines()] for output in outputs]
    return [[(told == "1", float(began), float(ended)) for told, began, ended in each] for each in lines]
