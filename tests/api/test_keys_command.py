"""`frontier keys` against a real API."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import Result
from werkzeug.serving import make_server

from api.process import ApiProcess
from tests.api.conftest import TOKEN, Api
from tests.scripts.client_app import run_frontier

Frontier = Callable[..., Result]


@pytest.fixture
def frontier(process: ApiProcess, tmp_path: Path) -> Iterator[Frontier]:
    server = make_server("127.0.0.1", 0, process, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()

    def run(*words: str, token: str = TOKEN) -> Result:
        return run_frontier(f"http://127.0.0.1:{server.port}", tmp_path, "keys", *words, token=token)

    yield run
    server.shutdown()
    thread.join()
    server.server_close()


def create(frontier: Frontier, *words: str) -> str:
    made = frontier("create", "--tenant", "acme", "--scopes", "jobs:write, jobs:read", *words)
    assert made.exit_code == 0, made.output
    return made.stdout.strip()


def listed(frontier: Frontier, *words: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in frontier("list", "--json", *words).stdout.splitlines()]


def test_a_key_is_printed_once_and_works(frontier: Frontier, api: Api) -> None:
    text = create(frontier, "--name", "reports", "--expires-in", "90d")

    assert Api(api.client, text).get("/v1/jobs").status_code == 200
    [key] = listed(frontier)
    assert (key["tenant"], key["name"], key["scopes"]) == ("acme", "reports", ["jobs:write", "jobs:read"])
    assert str(key["expires_at"]) > str(key["created_at"])
    assert text not in frontier("list").stdout


def test_a_rotation_prints_a_successor_and_a_revocation_ends_it(frontier: Frontier, api: Api) -> None:
    create(frontier)
    [old] = listed(frontier)
    successor = frontier("rotate", str(old["id"]), "--overlap", "0").stdout.strip()
    assert Api(api.client, successor).get("/v1/jobs").status_code == 200
    newest = listed(frontier)[0]

    revoked = frontier("revoke", str(newest["id"]))

    assert revoked.stdout == f"{newest['id']} revoked\n"
    assert listed(frontier) == []
    assert [key["status"] for key in listed(frontier, "--all")] == ["revoked", "expired"]


def test_what_was_done_to_a_key_is_printed_as_json(frontier: Frontier) -> None:
    create(frontier)
    key_id = str(listed(frontier)[0]["id"])

    changed = json.loads(frontier("update", key_id, "--limits", "rpm=9", "--json").stdout)
    ended = json.loads(frontier("revoke", key_id, "--json").stdout)

    assert (changed["id"], changed["limits"]["requests_per_minute"]) == (key_id, 9)
    assert (ended["id"], ended["status"]) == (key_id, "revoked")


def test_the_limits_of_a_key_are_given_shown_and_changed(frontier: Frontier) -> None:
    create(frontier, "--limits", "rpm=60, rph=1000,burst=10")
    [key] = listed(frontier)
    assert key["limits"] == {"requests_per_minute": 60, "requests_per_hour": 1000, "burst": 10}
    assert "limits rpm=60,rph=1000,burst=10" in frontier("list").stdout

    def update(limits: str) -> str:
        return frontier("update", str(key["id"]), "--limits", limits).stdout.strip()

    assert update("rph=7") == f"{key['id']} rpm=60,rph=7,burst=10"
    assert update("none") == f"{key['id']} none"
    assert listed(frontier)[0]["limits"] == "none"
    assert update("usual") == f"{key['id']} usual"
    assert listed(frontier)[0]["limits"] is None


def test_an_update_leaves_the_limits_that_it_does_not_name(frontier: Frontier) -> None:
    create(frontier, "--limits", "rpm=60,rph=1000,burst=10")
    key_id = str(listed(frontier)[0]["id"])

    for named, after in (
        ("rpm=2", "rpm=2,rph=1000,burst=10"),
        ("burst=5,rph=7", "rpm=2,rph=7,burst=5"),
        ("burst=usual", "rpm=2,rph=7"),
        ("rpm=usual,rph=usual", "usual"),
        ("rph=8", "rph=8"),
        ("none", "none"),
        ("rpm=9", "rpm=9"),
    ):
        assert frontier("update", key_id, "--limits", named).stdout.strip() == f"{key_id} {after}"


def test_a_limit_that_another_one_needs_is_not_taken_away(frontier: Frontier) -> None:
    create(frontier, "--limits", "rpm=60,burst=10")
    [key] = listed(frontier)

    refused = frontier("update", str(key["id"]), "--limits", "rpm=usual")

    assert refused.exit_code == 1
    assert "burst" in refused.output
    assert listed(frontier)[0]["limits"] == key["limits"]


@pytest.mark.parametrize("limits", ["", "60", "rpm=0", "rpm=60,rpm=70", "tpm=9", "rpm=60;rph=70", "rpm=1e3"])
def test_limits_that_cannot_be_read_are_a_usage_error(frontier: Frontier, limits: str) -> None:
    refused = frontier("create", "--tenant", "acme", "--scopes", "jobs:read", "--limits", limits)

    assert refused.exit_code == 2
    assert "rpm=60,rph=1000,burst=10" in refused.stderr


def test_the_list_fits_a_screen_of_80_columns(frontier: Frontier, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        create(frontier, "--name", f"a name of a key, number {number}", "--expires-in", "1h")
    monkeypatch.setattr("scripts.screen.PIPE_COLUMNS", 80)
    lines = frontier("list", "--tenant", "acme").stdout.splitlines()

    assert max(map(len, lines)) <= 80
    assert sum("jobs:write, jobs:read; a name of a key" in line for line in lines) == 3
    assert "no keys" in frontier("list", "--tenant", "nobody").stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("create", "--tenant", "Acme", "--scopes", "jobs:read"), "tenant"),
        (("create", "--tenant", "acme", "--scopes", "jobs"), "scopes"),
        (("create", "--tenant", "acme", "--scopes", "jobs:read", "--expires-in", "soon"), "no duration"),
        (("revoke", "key_unknown"), "No such key"),
        (("rotate", "key_unknown"), "No such key"),
        (("update", "key_unknown", "--limits", "rpm=2"), "No such key"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(frontier: Frontier, words: tuple[str, ...], said: str) -> None:
    refused = frontier(*words)

    assert refused.exit_code != 0
    assert said in refused.output


def test_a_key_without_the_scope_admin_is_told_so(frontier: Frontier) -> None:
    refused = frontier("list", token=create(frontier))

    assert refused.exit_code == 1
    assert "admin" in refused.output
