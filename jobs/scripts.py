"""Runs the Lua moves and turns the ways in which Redis can fail into the errors of this package."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from importlib import resources
from typing import Any

import redis
from redis.client import Pipeline
from redis.commands.core import Script

from jobs.batches.batch import BATCH_MOVES
from jobs.errors import StorageFull, StoreUnavailable
from jobs.job import MOVES
from jobs.keys import Keys
from jobs.settings import StoreSettings
from jobs.unattended import UNATTENDED_ENDS
from jobs.webhooks.circuit_rules import circuit_rules

SCHEMA = 3
"""Newest version of a record that this release knows; records with a higher one are left alone."""

_OF_DELIVERIES = frozenset({"erase", "sweep"})
"""Moves of jobs that see to deliveries too."""

_ADMITS = frozenset({"accept", "requeue", "standing"})
"""Moves that make a job, and what tells whether one could."""

_MAKES_FILES = frozenset({"files", "batches"})
"""Folders of moves that make and end files."""

_MEETS_BATCHES = frozenset({"accept"})
"""Moves of jobs that change a batch."""

_MOVES = {state.value: dict.fromkeys(targets, 1) for state, targets in MOVES.items()}
_BATCH_MOVES = {status.value: dict.fromkeys(targets, 1) for status, targets in BATCH_MOVES.items()}
_FOLDER = resources.files("jobs").joinpath("lua")
_BEFORE_OUTBOX = ("_shared", "_events")
_AFTER_OUTBOX = ("_limits", "_policy", "_usage", "_record", "_window", "_places", "_ends", "_holders")
_DISK_WAIT_MS = 2000
_STANDBY = (redis.exceptions.ReadOnlyError, redis.exceptions.MasterDownError)
_GROWS_THE_STORE = frozenset(
    {"accept", "requeue", "save_endpoint", "make_key", "expect_file", "add_file", "accept_batch"}
)

Argument = str | int | float | bytes


class Moves:
    """The scripts of `jobs/lua/` and its folders, one per move, ready to run on a server.

    `extra` adds scripts by name, which see what those in the folder see.
    """

    def __init__(
        self, client: redis.Redis, keys: Keys, settings: StoreSettings, *, extra: Mapping[str, str] | None = None
    ) -> None:
        self._client = client
        self._prefix = keys.prefix
        self._rules = _rules(settings)
        added = {name: _flags(name) + _shared(with_deliveries=False) + text for name, text in (extra or {}).items()}
        self._scripts: dict[str, Script] = {
            name: client.register_script(text) for name, text in {**_scripts(), **added}.items()
        }

    def run(self, move: str, *arguments: Argument) -> Any:
        """One move, at once."""
        with unavailable_as_our_error():
            return self._scripts[move](keys=[self._prefix], args=self._with_rules(arguments))

    def run_durably(self, move: str, *arguments: Argument) -> Any:
        """One move, and the proof that it is on the primary's disk, or StoreUnavailable.

        A repeat, which finds the move done, proves it as well.
        """
        [answer] = self.run_many_durably(move, [arguments])
        return answer

    def run_many(self, move: str, calls: Sequence[Sequence[Argument]]) -> list[Any]:
        """The same move with several lists of arguments in one round trip; each is atomic on its own."""
        if len(calls) == 1:
            return [self.run(move, *calls[0])]
        with unavailable_as_our_error(), self._client.pipeline(transaction=False) as pipeline:
            self._put(pipeline, move, calls)
            return pipeline.execute()

    def run_many_durably(self, move: str, calls: Sequence[Sequence[Argument]]) -> list[Any]:
        """The same, and the proof that all of them are on the primary's disk, or StoreUnavailable."""
        with unavailable_as_our_error(), self._client.pipeline(transaction=False) as pipeline:
            self._put(pipeline, move, calls)
            pipeline.incrby(f"{self._prefix}seq", 0)  # WAITAOF waits for this connection's own writes alone
            pipeline.waitaof(1, 0, _DISK_WAIT_MS)
            *answers, _, (on_disk, _replicas) = pipeline.execute()
        if not on_disk:
            raise StoreUnavailable(f"Redis did not confirm within {_DISK_WAIT_MS} ms that the move is on disk")
        return answers

    def _put(self, pipeline: Pipeline, move: str, calls: Sequence[Sequence[Argument]]) -> None:
        for arguments in calls:
            self._scripts[move](keys=[self._prefix], args=self._with_rules(arguments), client=pipeline)

    def _with_rules(self, arguments: Sequence[Argument]) -> list[Argument]:
        return [self._rules, SCHEMA, *arguments]


@contextmanager
def unavailable_as_our_error() -> Iterator[None]:
    """Translate the errors of redis-py."""
    try:
        yield
    except (redis.ConnectionError, redis.TimeoutError, *_STANDBY) as error:
        raise StoreUnavailable(str(error) or type(error).__name__) from error
    except redis.exceptions.NoScriptError as error:  # redis-py loads scripts itself, just before it calls them
        raise StoreUnavailable("Redis was started again between the loading of a script and its call") from error
    except redis.exceptions.OutOfMemoryError as error:
        raise StorageFull("Redis has no memory left") from error
    except redis.ResponseError as error:
        if str(error).startswith(("OOM", "-OOM")) or "OOM command not allowed" in str(error):
            raise StorageFull("Redis has no memory left") from error
        if str(error).startswith(("LOADING", "MISCONF", "BUSY")):
            raise StoreUnavailable(str(error)) from error
        raise


def _rules(settings: StoreSettings) -> str:
    log_ms = round(settings.webhook_log_seconds * 1000)
    usage_ms = round(settings.usage_log_seconds * 1000)
    ends = {name: end._asdict() for name, end in UNATTENDED_ENDS.items()}
    rules = {
        "moves": _MOVES,
        "batch_moves": _BATCH_MOVES,
        "batches": round(settings.batch_log_seconds * 1000),
        "backlog": settings.webhook_backlog,
        "log": log_ms,
        "usage": usage_ms,
        "circuit": circuit_rules(settings),
        "ends": ends,
    }
    return json.dumps(rules, separators=(",", ":"))


def shared_text(name: str) -> str:
    """One of the texts of `lua/` that stand before scripts, here or elsewhere."""
    return _FOLDER.joinpath(f"{name}.lua").read_text()


@cache
def _scripts() -> Mapping[str, str]:
    """Every move by its name, with all that stands before it."""
    return {
        name: _flags(name)
        + _shared(with_deliveries=is_of_deliveries or name in _OF_DELIVERIES)
        + (shared_text("_admission") if name in _ADMITS else "")
        + (shared_text("_files") if folder.name in _MAKES_FILES else "")
        + (shared_text("_batches") if folder.name == "batches" or name in _MEETS_BATCHES else "")
        + path.read_text()
        for folder, is_of_deliveries in (
            (_FOLDER, False),
            (_FOLDER.joinpath("webhooks"), True),
            (_FOLDER.joinpath("access"), False),
            (_FOLDER.joinpath("files"), False),
            (_FOLDER.joinpath("batches"), False),
        )
        for path in folder.iterdir()
        if (name := path.name.removesuffix(".lua")) != path.name and not name.startswith("_")
    }


@cache
def _shared(*, with_deliveries: bool) -> str:
    """What stands before a script. Most moves of jobs never end one: for them all of the outbox is one function."""
    outbox = shared_text("_circuit") + shared_text("_receivers") + shared_text("_outbox")
    if not with_deliveries:
        outbox = f"local function tell_of_job(...)\n{outbox}\nreturn tell_of_job(...)\nend\n"
    before, after = ("".join(map(shared_text, names)) for names in (_BEFORE_OUTBOX, _AFTER_OUTBOX))
    return before + outbox + after + f"make_sharing = function()\n{shared_text('_sharing')}\nend\n"


def _flags(name: str) -> str:
    """Running work goes on when memory is short; only moves that grow the store are refused."""
    return "#!lua\n" if name in _GROWS_THE_STORE else "#!lua flags=allow-oom\n"
