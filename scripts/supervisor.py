"""Keeps child processes running: starts one again when it dies, and ends all in the right order."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from scripts.guardian import Guardian, Ward, end_group
from scripts.log_file import LogFile
from scripts.paths import CHECKOUT
from scripts.stop_signals import StopSignals

TAIL_LINES = 12
LONGEST_PAUSE_SECONDS = 10.0
QUIET_ENDS = (signal.SIGKILL, signal.SIGTERM)


class Stage(IntEnum):
    """In which order programs are ended: the highest first, so that each still has what it needs."""

    SERVER = 0
    API = 1
    WORKER = 2


@dataclass(frozen=True, kw_only=True)
class Program:
    """Something to keep running; it has `grace_seconds` to end after SIGTERM."""

    name: str
    stage: Stage
    command: Sequence[str]
    environment: Mapping[str, str]
    log: LogFile
    grace_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """How long to wait before the next start: twice as long after each death; a long life makes up for them all."""

    first_seconds: float = 0.5
    cap_seconds: float = 30.0
    steady_seconds: float = 60.0

    def deaths(self, before: int, *, lived_seconds: float) -> int:
        """Deaths in a row, this one included."""
        return 1 if lived_seconds >= self.steady_seconds else before + 1

    def delay(self, deaths: int, *, exit_code: int) -> float:
        """Seconds to wait; a program that says it is configured wrongly is not helped by haste."""
        if exit_code == os.EX_CONFIG:
            return self.cap_seconds
        return float(min(self.cap_seconds, self.first_seconds * 2 ** min(deaths - 1, 16)))


@dataclass(slots=True)
class _Child:
    program: Program
    process: subprocess.Popen[bytes]
    started_at: float
    deaths: int = 0
    start_again_at: float | None = None
    last_words: str = ""


class Supervisor:
    """Runs programs as children, each the leader of a session of its own, so that Ctrl-C reaches only us.

    *say* gets one message per thing worth telling, *on_death* the program that has just died, and
    *on_change* is called whenever `pids` has changed.
    """

    def __init__(
        self,
        guardian: Guardian,
        *,
        say: Callable[[str], None],
        on_death: Callable[[Program], None],
        on_change: Callable[[], None],
        backoff: Backoff | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._guardian = guardian
        self._say = say
        self._on_death = on_death
        self._on_change = on_change
        self._backoff = backoff or Backoff()
        self._clock = clock
        self._children: dict[str, _Child] = {}

    @property
    def pids(self) -> dict[str, int]:
        """The running children by name."""
        return {name: child.process.pid for name, child in self._children.items() if child.start_again_at is None}

    def is_alive(self, name: str) -> bool:
        return self._children[name].process.poll() is None

    def start(self, program: Program) -> None:
        self._children[program.name] = _Child(program, self._spawn(program), self._clock())
        self._on_change()

    def tick(self) -> float:
        """Notice deaths and start again what is due; returns in how many seconds to call again, if nothing happens."""
        self._guardian.check()
        for child in self._children.values():
            child.program.log.trim()
            if child.start_again_at is None:
                if (code := child.process.poll()) is not None:
                    self._bury(child, code)
            elif child.start_again_at <= self._clock():
                child.process, child.started_at = self._spawn(child.program), self._clock()
                child.start_again_at = None
                self._on_change()
        due = [child.start_again_at for child in self._children.values() if child.start_again_at is not None]
        return max(0.0, min([LONGEST_PAUSE_SECONDS, *(at - self._clock() for at in due)]))

    def stop(self, signals: StopSignals) -> None:
        """End everything, stage by stage; at once if the user insists."""
        running = [child for child in self._children.values() if child.start_again_at is None]
        for stage in sorted(Stage, reverse=True):
            self._stop([child for child in running if child.program.stage == stage], signals)
        self._children.clear()

    def _stop(self, children: Sequence[_Child], signals: StopSignals) -> None:
        for child in children:
            child.process.terminate()
        deadline = self._clock() + max((child.program.grace_seconds for child in children), default=0.0)
        while any(child.process.poll() is None for child in children):
            left = deadline - self._clock()
            if left <= 0 or signals.insisted:
                break
            signals.wait(left)
        for child in children:
            program = child.program
            if child.process.poll() is None and not signals.insisted:
                self._say(f"{program.name} did not end within {program.grace_seconds:.0f} s and was killed.")
            self._clear_away(child)

    def _bury(self, child: _Child, code: int) -> None:
        lived_seconds = self._clock() - child.started_at
        child.deaths = self._backoff.deaths(child.deaths, lived_seconds=lived_seconds)
        delay = self._backoff.delay(child.deaths, exit_code=code)
        child.start_again_at = self._clock() + delay
        self._clear_away(child)
        words = obituary(child.program, code, lived_seconds=lived_seconds, delay=delay)
        if words != child.last_words:
            self._say(words)
        child.last_words = words
        self._on_change()
        self._on_death(child.program)

    def _clear_away(self, child: _Child) -> None:
        """Nothing of a dead child's group may keep its port or its files."""
        end_group(child.process.pid)
        child.process.wait()
        self._guardian.discard(child.process.pid)

    def _spawn(self, program: Program) -> subprocess.Popen[bytes]:
        with program.log.open() as log:
            process = subprocess.Popen(
                program.command,
                cwd=CHECKOUT,
                env=dict(program.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._guardian.add(Ward(pid=process.pid, stage=program.stage, grace_seconds=program.grace_seconds))
        return process


def obituary(program: Program, code: int, *, lived_seconds: float, delay: float) -> str:
    """What died of what, when it starts again, and its last words where they may explain it."""
    if code == os.EX_CONFIG:
        reason = (program.log.tail(1) or [f"see {program.log.path}"])[0]
        return f"{program.name} cannot start: {reason}\nIt is tried again every {delay:.0f} s; jobs are still accepted."
    how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
    line = f"{program.name} {how} after {lived_seconds:.1f} s and starts again in {delay:.1f} s."
    if -code in QUIET_ENDS:
        return line
    return "\n".join([line, *(f"  {words}" for words in program.log.tail(TAIL_LINES)), f"  ({program.log.path})"])
