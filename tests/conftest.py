"""What every test may ask for: a real Redis server and a clean database on it."""

from __future__ import annotations

import io
import logging
import os
import random
import signal
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit, urlunsplit

import pytest
from hypothesis import settings
from redis import Redis, RedisError

from observability.logs import OURS, configure_logging
from scripts.redis_server import ServerMissing, find_binary
from tests.redis_process import RedisProcess
from tests.s3.server import s3_server

settings.register_profile(
    "house", deadline=None, derandomize=os.environ.get("CI") == "true", print_blob=True, stateful_step_count=40
)
settings.register_profile("deep", deadline=None, print_blob=True, max_examples=1500, stateful_step_count=100)
settings.load_profile("house")

SEED_VARIABLE = "FRONTIER_TEST_SEED"
SEED = os.environ.get(SEED_VARIABLE) or str(random.SystemRandom().randrange(10**6))
"""What the fault tests draw from; give it to see the same faults again."""

os.environ[SEED_VARIABLE] = SEED  # of a run over several processes, all draw from the one that is printed
MOST_PROCESSES = 6

DATABASE = 15
"""The database of a server named by REDIS_URL that the tests may empty."""


def pytest_configure() -> None:
    """Hear Ctrl-C, and let children hear it, also where a shell has started the tests in the background."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """How many processes `-n auto` means: one more than cores, since tests wait; of a server that is given, one."""
    return 0 if os.environ.get("REDIS_URL") else min((os.cpu_count() or 1) + 1, MOST_PROCESSES)


def pytest_report_header() -> str:
    return f"{SEED_VARIABLE}={SEED}"


@pytest.fixture(scope="session")
def s3_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    """The environment in which a server that speaks S3 is found, which is set here and for children."""
    if find_spec("s3fs") is None or find_spec("moto") is None:
        pytest.fail("`make test-s3` runs this, in an environment that has what it takes")
    with s3_server(tmp_path_factory.mktemp("s3") / "log") as found, pytest.MonkeyPatch.context() as patch:
        for name, value in found.items():
            patch.setenv(name, value)
        yield found


def missing(reason: str) -> NoReturn:
    """A missing service is a skip on a laptop and a failure in CI."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def server_binary() -> Path:
    """A server of this machine that a test may start."""
    try:
        return find_binary()
    except ServerMissing as error:
        missing(str(error))


@pytest.fixture(scope="session")
def redis_server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the server that the tests share: REDIS_URL where it is set, else one of their own."""
    if given := os.environ.get("REDIS_URL"):
        url = urlunsplit(urlsplit(given)._replace(path=f"/{DATABASE}"))
        try:
            with Redis.from_url(url) as client:
                client.ping()
        except RedisError as error:
            missing(f"no Redis at REDIS_URL: {error}")
        yield url
        return
    binary = request.getfixturevalue("server_binary")
    server = RedisProcess(tmp_path_factory.mktemp("redis"), binary, durability="everysec")
    server.start()
    yield server.url
    server.stop()


@pytest.fixture
def redis_url(redis_server: str) -> str:
    """The address of an empty database."""
    with Redis.from_url(redis_server) as client:
        client.flushdb()
    return redis_server


@pytest.fixture
def redis_client(redis_url: str) -> Iterator[Redis]:
    """A client of an empty database; answers in bytes, as the store expects."""
    with Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def redis_process(tmp_path_factory: pytest.TempPathFactory, server_binary: Path) -> Iterator[RedisProcess]:
    """A running server for this test alone, to be killed and started again."""
    server = RedisProcess(tmp_path_factory.mktemp("redis"), server_binary)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What a process with our logging writes."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in (*OURS, "urllib3")}
    stream = io.StringIO()
    configure_logging(stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)
