from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from jobs.environment import SettingError
from resilience.failpoints import Failpoint, arm, failpoints_from_env, unarmed

KILL_HERE = """
from resilience.failpoints import Failpoint, arm, failpoints_from_env
reach = arm(failpoints_from_env({"FRONTIER_FAILPOINTS": "api.before_record=kill@2"}))
for passage in (1, 2):
    print(passage, flush=True)
    reach(Failpoint.API_BEFORE_RECORD)
print("still here", flush=True)
"""


def test_nothing_happens_anywhere_unless_something_is_armed() -> None:
    assert arm(failpoints_from_env({})) is unarmed


def test_the_signal_comes_at_one_passage_of_one_place() -> None:
    armed = failpoints_from_env({"FRONTIER_FAILPOINTS": "api.after_record=kill@2, worker.before_emit=stop"})
    sent: list[signal.Signals] = []
    reach = arm(armed, sent.append)

    for _ in range(3):
        reach(Failpoint.API_AFTER_RECORD)
        reach(Failpoint.API_BEFORE_REPLY)
    assert sent == [signal.SIGKILL]
    reach(Failpoint.WORKER_BEFORE_EMIT)
    assert sent == [signal.SIGKILL, signal.SIGSTOP]


def test_a_process_goes_no_step_further_than_the_place_where_it_is_killed() -> None:
    killed = subprocess.run([sys.executable, "-c", KILL_HERE], capture_output=True, text=True, check=False)
    assert (killed.returncode, killed.stdout) == (-signal.SIGKILL, "1\n2\n")


@pytest.mark.parametrize(
    "text",
    ["api.after_record", "api.after_lunch=kill", "api.after_record=tickle", "api.after_record=kill@0", "kill", "a=b,"],
)
def test_what_cannot_be_armed_is_refused_with_the_accepted_form(text: str) -> None:
    with pytest.raises(SettingError, match=r"^FRONTIER_FAILPOINTS: .*NAME=ACTION@PASSAGE.*worker\.before_finish.*stop"):
        failpoints_from_env({"FRONTIER_FAILPOINTS": text})
