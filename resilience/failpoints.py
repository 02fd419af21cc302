"""Named places where a process can be made to die or to stop: for tests, which could not hit them by chance.

    FRONTIER_FAILPOINTS="api.after_record=kill@3,worker.before_finish=stop"

kills an API process when it is there for the third time, and stops a worker when it is there for the first.
"""

from __future__ import annotations

import itertools
import logging
import re
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from marshmallow import ValidationError

from jobs.environment import Environment

log = logging.getLogger(__name__)

VARIABLE = "FRONTIER_FAILPOINTS"


class Failpoint(StrEnum):
    """Every place there is; the values are those of the environment."""

    API_BEFORE_RECORD = "api.before_record"
    API_AFTER_RECORD = "api.after_record"
    API_AFTER_DISPATCH = "api.after_dispatch"
    API_BEFORE_REPLY = "api.before_reply"
    WORKER_AFTER_MESSAGE = "worker.after_message"
    WORKER_AFTER_CLAIM = "worker.after_claim"
    WORKER_BEFORE_EMIT = "worker.before_emit"
    WORKER_BEFORE_FINISH = "worker.before_finish"
    WORKER_AFTER_FINISH = "worker.after_finish"
    SENDER_AFTER_CLAIM = "sender.after_claim"
    SENDER_BEFORE_SETTLE = "sender.before_settle"
    SENDER_AFTER_SETTLE = "sender.after_settle"
    RUNNER_BEFORE_COMMIT = "runner.before_commit"
    RUNNER_AFTER_COMMIT = "runner.after_commit"


ACTIONS: Mapping[str, signal.Signals] = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}
"""What can happen to the process: its end, or a standstill until it is sent SIGCONT."""

_FORM = f"NAME=ACTION or NAME=ACTION@PASSAGE, with commas between; names: {', '.join(Failpoint)}; actions: kill, stop"

Reach = Callable[[Failpoint], None]
"""Called at a failpoint; usually nothing happens."""


@dataclass(frozen=True, slots=True)
class ArmedFailpoint:
    """At the given passage, counted from 1 in each process, the process gets `signal`."""

    failpoint: Failpoint
    signal: signal.Signals
    passage: int = 1


def failpoints_from_env(env: Mapping[str, str]) -> tuple[ArmedFailpoint, ...]:
    """What FRONTIER_FAILPOINTS arms; usually nothing. Raises SettingError."""
    reader = Environment(env)
    text = reader.str(VARIABLE, "", validate=_parse)
    reader.check()
    return _parse(text)


def arm(armed: Sequence[ArmedFailpoint], send: Callable[[signal.Signals], None] = signal.raise_signal) -> Reach:
    """What to call at failpoints; *send* signals the calling thread, so that it goes no step further."""
    if not armed:
        return unarmed
    log.warning("failpoints_armed", extra={"failpoints": [one.failpoint.value for one in armed]})
    counts = [(one, itertools.count(1)) for one in armed]

    def reach(failpoint: Failpoint) -> None:
        for one, passages in counts:
            if one.failpoint is failpoint and next(passages) == one.passage:
                send(one.signal)

    return reach


def unarmed(failpoint: Failpoint) -> None:
    """Nothing happens."""


def _parse(text: str) -> tuple[ArmedFailpoint, ...]:
    return tuple(_parse_one(part.strip()) for part in text.split(",")) if text else ()


def _parse_one(text: str) -> ArmedFailpoint:
    match = re.fullmatch(r"([a-z._]+)=([a-z]+)(?:@([1-9][0-9]{0,8}))?", text)
    if match is None or match[1] not in list(Failpoint) or match[2] not in ACTIONS:
        raise ValidationError(f"{text!r} is not of the form {_FORM}.")
    return ArmedFailpoint(Failpoint(match[1]), ACTIONS[match[2]], int(match[3] or 1))
