"""What a fault test works with; the deployment is shared by all whose books could be closed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random

import pytest

from tests.conftest import SEED, SEED_VARIABLE
from tests.system.books import Books
from tests.system.fleet import Fleet
from tests.system.history import History
from tests.system.post import Post
from tests.system.readers import Readers
from tests.system.receiver import Receiver
from tests.system.small_site import SmallSite


class SharedFleet:
    """The deployment that is up, if one is; another is made when a test has left this one in doubt."""

    def __init__(self, make_folder: Callable[[], Path]) -> None:
        self._make_folder = make_folder
        self._fleet: Fleet | None = None

    def get(self) -> Fleet:
        if self._fleet is None:
            self._fleet = Fleet(self._make_folder())
            self._fleet.start()
        return self._fleet

    def stop(self) -> None:
        if self._fleet is not None:
            self._fleet.stop()
        self._fleet = None


@pytest.fixture(scope="session")
def shared_fleet(tmp_path_factory: pytest.TempPathFactory, server_binary: Path) -> Iterator[SharedFleet]:  # noqa: ARG001 - skips where there is none
    shared = SharedFleet(lambda: tmp_path_factory.mktemp("fleet"))
    yield shared
    shared.stop()


@pytest.fixture
def fleet(shared_fleet: SharedFleet) -> Iterator[Fleet]:
    """A deployment without jobs, at its full strength."""
    fleet = None
    try:
        fleet = shared_fleet.get()
        fleet.wait_until_whole()
        fleet.has_closed_books = False
        yield fleet
    finally:
        if fleet is None or not fleet.has_closed_books:
            shared_fleet.stop()


@pytest.fixture
def random(request: pytest.FixtureRequest) -> Random:
    """Varies which worker is hit, when, and with how much work; the same for the same seed and test."""
    request.node.add_report_section("setup", "seed", f"{SEED_VARIABLE}={SEED}")
    return Random(f"{SEED}/{request.node.name}")


@pytest.fixture
def make_history(random: Random) -> Iterator[Callable[[str], History]]:
    """Makes clients of the API at an address."""
    with ExitStack() as cleanup:

        def make(url: str) -> History:
            history = History(url, random)
            cleanup.callback(history.close)
            return history

        yield make


@pytest.fixture
def history(fleet: Fleet, make_history: Callable[[str], History]) -> History:
    """A client of the deployment."""
    return make_history(fleet.url)


@pytest.fixture
def books(fleet: Fleet, history: History) -> Books:
    """To be closed at the end of a test."""
    return Books(fleet, history)


@pytest.fixture
def readers(fleet: Fleet) -> Iterator[Readers]:
    """Whoever reads the streams of the deployment's jobs."""
    readers = Readers(fleet.url)
    yield readers
    readers.close()


@pytest.fixture
def receiver(tmp_path: Path, random: Random) -> Iterator[Receiver]:
    """A receiver of webhooks that is not started yet."""
    receiver = Receiver(tmp_path, str(random.random()))
    yield receiver
    receiver.process.end()


@pytest.fixture
def post(fleet: Fleet, receiver: Receiver, books: Books) -> Iterator[Post]:
    """Who is told of the deployment's jobs; to be closed in the place of the books."""
    post = Post(fleet, receiver, books)
    yield post
    post.hang_up()


@pytest.fixture
def make_site(redis_url: str, tmp_path: Path) -> Iterator[Callable[..., SmallSite]]:
    """Makes an API and one worker of the models in a configuration."""
    with ExitStack() as cleanup:

        def make(config: str, **env: str) -> SmallSite:
            site = SmallSite(redis_url, tmp_path, config, env)
            cleanup.callback(site.stop)
            return site

        yield make
