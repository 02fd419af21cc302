"""Child processes that are kept running, and ended in order."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from scripts.guardian import Guardian
from scripts.log_file import LogFile
from scripts.processes import is_running
from scripts.stop_signals import StopSignals
from scripts.supervisor import Backoff, Program, Stage, Supervisor

DEADLINE_SECONDS = 30.0
FOREVER = "import signal, sys; print('started', flush=True); signal.pause()"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {FOREVER}"


class Bench:
    """A supervisor with real children, and everything it has told."""

    def __init__(self, folder: Path, signals: StopSignals, backoff: Backoff) -> None:
        self.folder = folder
        self.signals = signals
        self.said: list[str] = []
        self.dead: list[str] = []
        self.guardian = Guardian(log=folder / "guardian.log", leftover=folder / "up.json")
        self.supervisor = Supervisor(
            self.guardian,
            say=self.said.append,
            on_death=lambda program: self.dead.append(program.name),
            on_change=lambda: None,
            backoff=backoff,
        )

    def start(self, code: str, *, name: str = "child", stage: Stage = Stage.WORKER, grace_seconds: float = 20.0) -> int:
        program = Program(
            name=name,
            stage=stage,
            command=[sys.executable, "-c", code],
            environment=os.environ,
            log=LogFile(self.folder / f"{name}.log"),
            grace_seconds=grace_seconds,
        )
        self.supervisor.start(program)
        return self.supervisor.pids[name]

    def run_until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, self.said
            self.signals.wait(min(0.05, self.supervisor.tick()))

    def log(self, name: str = "child") -> str:
        return (self.folder / f"{name}.log").read_text()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with StopSignals() as signals:
        bench = Bench(tmp_path, signals, Backoff(first_seconds=0.01))
        yield bench
        bench.supervisor.stop(signals)
        bench.guardian.close()


def test_a_killed_child_is_started_again_and_its_death_is_told_in_one_line(bench: Bench) -> None:
    first = bench.start(FOREVER)
    os.kill(first, signal.SIGKILL)
    bench.run_until(lambda: bench.supervisor.pids.get("child", first) != first)
    assert bench.dead == ["child"]
    assert len(bench.said) == 1
    assert bench.said[0].startswith("child was ended by SIGKILL after ")
    assert "\n" not in bench.said[0]


def test_a_child_that_fails_is_quoted_with_what_it_printed_last_in_this_life(bench: Bench) -> None:
    (bench.folder / "child.log").write_text("an older life\n")
    bench.start("import sys; print('no disk left'); sys.exit(3)")
    bench.run_until(lambda: bench.said)
    assert "child ended with code 3" in bench.said[0]
    assert "no disk left" in bench.said[0]
    assert "an older life" not in bench.said[0]


def test_nothing_of_a_dead_childs_group_is_left_when_it_starts_again(bench: Bench) -> None:
    bench.start(
        "import os, subprocess, sys; "
        "child = subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()']); "
        "print(child.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    bench.run_until(lambda: bench.dead)
    grandchild = int(bench.log().split()[0])
    bench.run_until(lambda: not is_running(grandchild))


def test_a_child_that_is_configured_wrongly_is_explained_once(bench: Bench) -> None:
    bench.supervisor._backoff = Backoff(cap_seconds=0.01)
    bench.start(f"import sys; print('weights/x: no such file', file=sys.stderr); sys.exit({os.EX_CONFIG})")
    bench.run_until(lambda: len(bench.dead) == 3)
    assert [said.splitlines()[0] for said in bench.said] == ["child cannot start: weights/x: no such file"]


def test_workers_end_before_the_api_and_the_server_ends_last(bench: Bench) -> None:
    order = bench.folder / "order"
    code = (
        "import os, signal, sys\n"
        "def end(*_):\n"
        f"    with open({str(order)!r}, 'a') as file: file.write('NAME ')\n"
        "    sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, end)\n"
        "print('started', flush=True)\n"
        "while True: signal.pause()\n"
    )
    for name, stage in (("server", Stage.SERVER), ("api", Stage.API), ("worker", Stage.WORKER)):
        bench.start(code.replace("NAME", name), name=name, stage=stage)
    bench.run_until(lambda: all("started" in bench.log(name) for name in ("server", "api", "worker")))
    bench.supervisor.stop(bench.signals)
    assert order.read_text().split() == ["worker", "api", "server"]
    assert bench.said == []


def test_a_child_that_does_not_end_in_time_is_killed(bench: Bench) -> None:
    pid = bench.start(STUBBORN, grace_seconds=0.01)
    bench.run_until(lambda: "started" in bench.log())
    bench.supervisor.stop(bench.signals)
    assert not is_running(pid)
    assert "was killed" in bench.said[-1]


def test_a_user_who_insists_does_not_wait_for_a_stubborn_child(bench: Bench) -> None:
    pid = bench.start(STUBBORN, grace_seconds=3600.0)
    bench.run_until(lambda: "started" in bench.log())
    os.kill(os.getpid(), signal.SIGINT)
    os.kill(os.getpid(), signal.SIGTERM)
    bench.supervisor.stop(bench.signals)
    assert not is_running(pid)


def test_children_of_a_killed_parent_are_ended_by_the_guardian(tmp_path: Path) -> None:
    parent = (
        "import sys, pathlib; sys.path.insert(0, '.'); "
        "from tests.scripts.test_supervisor import Bench, FOREVER, STUBBORN, StopSignals, Backoff\n"
        f"with StopSignals() as signals:\n"
        f"    bench = Bench(pathlib.Path({str(tmp_path)!r}), signals, Backoff())\n"
        "    children = [bench.start(FOREVER, name='one'), bench.start(STUBBORN, name='two', grace_seconds=0.1)]\n"
        "    print(*children, flush=True)\n"
        "    bench.run_until(lambda: False)\n"
    )
    leftover = tmp_path / "up.json"
    leftover.touch()
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        pids = [int(word) for word in process.stdout.readline().split()]
        process.kill()
    deadline = time.monotonic() + DEADLINE_SECONDS
    gone = psutil.wait_procs([psutil.Process(pid) for pid in pids if is_running(pid)], timeout=DEADLINE_SECONDS)[0]
    assert len(pids) == 2
    assert not any(is_running(pid) for pid in pids), gone
    while leftover.exists():
        assert time.monotonic() < deadline


def test_a_killed_guardian_is_replaced_and_knows_the_children(bench: Bench) -> None:
    pid = bench.start(FOREVER)
    first = bench.guardian.pid
    os.kill(first, signal.SIGKILL)
    bench.run_until(lambda: bench.guardian.pid != first)
    bench.guardian.close()
    bench.run_until(lambda: not is_running(pid))
    bench.guardian.check()


def test_the_pause_doubles_to_a_cap_and_a_long_life_starts_it_over() -> None:
    backoff = Backoff(first_seconds=0.5, cap_seconds=30.0, steady_seconds=60.0)
    assert [backoff.delay(deaths, exit_code=1) for deaths in (1, 2, 3, 7, 100)] == [0.5, 1.0, 2.0, 30.0, 30.0]
    assert backoff.delay(1, exit_code=os.EX_CONFIG) == 30.0
    assert backoff.deaths(9, lived_seconds=59.0) == 10
    assert backoff.deaths(9, lived_seconds=60.0) == 1


def test_a_log_is_cut_while_it_is_written_and_the_old_half_is_kept(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "child.log", limit_bytes=10)
    with log.open() as stream:
        stream.write(b"more than ten bytes\n")
        stream.flush()
        log.trim()
        stream.write(b"news\n")
    assert log.tail(5) == ["news"]
    assert (tmp_path / "child.log.1").read_text() == "more than ten bytes\n"
