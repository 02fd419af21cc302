"""The API keeps what its OpenAPI document says, of whatever schemathesis thinks: all of its checks, in all phases."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.conftest import TOKEN
from tests.contract.client_knowledge import RECEIVER, REDIS, TENANTS
from tests.contract.stack import ContractStack

HERE = Path(__file__).parent
CALLERS = "FRONTIER_CONTRACT_CALLERS"
PHASES = "examples,coverage,fuzzing,stateful"
QUICK_PHASES = "examples,fuzzing,stateful"
"""Without the one whose length nothing bounds but the document's."""

Run = tuple[int, int, str]

RUNS = [
    pytest.param((2, 1, QUICK_PHASES), id="quick"),
    *(pytest.param((200, seed, PHASES), id=f"seed {seed}", marks=pytest.mark.contract) for seed in (1, 2, 3)),
]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, server_binary: Path) -> Iterator[ContractStack]:  # noqa: ARG001 - skips where there is none
    stack = ContractStack(tmp_path_factory.mktemp("contract"))
    yield stack
    assert stack.stop() == 0


def hold_to_it(stack: ContractStack, folder: Path, config: str, callers: dict[str, str], run: Run, *more: str) -> None:
    """Have schemathesis call the API; fails with what it has to say."""
    examples, seed, phases = run
    env = os.environ | {
        CALLERS: str(stack.write_callers(callers)),
        RECEIVER: stack.receiver.url,
        REDIS: stack.redis.url,
        "PYTHONPATH": str(HERE.parents[1]),
    }
    words = ["--config-file", str(HERE / config), "run", f"{stack.url}/openapi.json"]
    bounds = ["--phases", phases, "--max-examples", str(examples), "--seed", str(seed), "--workers", "1"]
    command = [sys.executable, "-m", "schemathesis.cli", *words, *bounds, *more]

    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("run", RUNS)
def test_two_tenants_get_what_is_documented_and_nothing_of_each_other(
    stack: ContractStack, tmp_path: Path, run: Run
) -> None:
    callers = {tenant: stack.key_of(tenant) for tenant in TENANTS}

    hold_to_it(stack, tmp_path, "tenants.toml", callers, run)


@pytest.mark.parametrize("run", RUNS)
def test_the_operator_gets_what_is_documented(stack: ContractStack, tmp_path: Path, run: Run) -> None:
    wanted = [word for name in stack.operations("admin") for word in ("--include-operation-id", name)]

    hold_to_it(stack, tmp_path, "operator.toml", {"operator": TOKEN}, run, *wanted)
    stack.resume()
