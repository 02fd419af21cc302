"""One `frontier up` per data folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.folder_lock import FolderLock, FolderTaken

HOLD = "import sys, pathlib; from scripts.folder_lock import FolderLock; lock = FolderLock(pathlib.Path(sys.argv[1]))"


def test_a_folder_in_use_is_refused_with_the_process_that_uses_it(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path)
    with pytest.raises(FolderTaken, match=rf"process {os.getpid()}\) runs with {tmp_path}.*--data-dir"):
        FolderLock(tmp_path)
    lock.close()
    FolderLock(tmp_path).close()


def test_a_killed_holder_frees_the_folder(tmp_path: Path) -> None:
    code = f"{HOLD}; import os; os.kill(os.getpid(), 9)"
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False).returncode == -9
    FolderLock(tmp_path).close()


def test_what_a_killed_holder_left_running_is_waited_for(tmp_path: Path) -> None:
    code = (
        f"{HOLD}; import os, subprocess; "
        "heir = subprocess.Popen([sys.executable, '-c', 'input()'], pass_fds=[lock.descriptor]); "
        "print(heir.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        holder.wait()
        with pytest.raises(FolderTaken):
            FolderLock(tmp_path, wait_seconds=0.0)
        assert holder.stdin is not None
        holder.stdin.close()
        FolderLock(tmp_path).close()
