"""`GET /v1/usage`, and `frontier usage` over it."""

from __future__ import annotations

import csv
import io
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from typer.testing import Result
from werkzeug.serving import make_server

from api.process import ApiProcess
from jobs.job import JobState
from tests.api.conftest import TOKEN, Api, Worker
from tests.scripts.client_app import run_frontier

NUMBERS = ["jobs", "prompt_tokens", "completion_tokens", "cached_tokens", "wasted_tokens", "engine_seconds"]
PATH = "/v1/usage"


def day(ago: int = 0) -> str:
    return (datetime.now(UTC).date() - timedelta(days=ago)).isoformat()


@pytest.fixture
def used(api: Api, worker: Worker) -> Api:
    """Two jobs that succeeded, for one key each, and one that was cancelled."""
    key = api.of("default")
    worker.run(api.submit())
    worker.run(key.submit())
    key.post(f"/v1/jobs/{key.submit()}/cancel")
    return key


def test_jobs_that_have_ended_are_added_up(used: Api) -> None:
    told = used.get(PATH).json

    assert (told["object"], told["tenant"], told["group_by"]) == ("usage", "default", [])
    assert told["total"] == dict(zip(NUMBERS, [3, 6, 8, 0, 0, 1.0], strict=True))
    assert [row["jobs"] for row in told["data"]] == [3]
    assert [told["from"], told["to"]] in [[day(29), day()], [day(30), day(1)]], "the second at midnight"


def test_rows_are_told_apart_by_what_is_asked(used: Api, api: Api) -> None:
    key_id = api.get("/v1/admin/keys").json["data"][0]["id"]
    told = used.get(f"{PATH}?group_by=outcome,key,model").json

    assert told["group_by"] == ["key", "model", "outcome"]
    rows = {(row["key_id"], row["model"], row["outcome"]): row["jobs"] for row in told["data"]}
    assert rows == {
        (key_id, "poet", "cancelled"): 1,
        (key_id, "poet", "succeeded"): 1,
        ("operator", "poet", "succeeded"): 1,
    }
    assert sum(row["completion_tokens"] for row in told["data"]) == told["total"]["completion_tokens"] == 8
    [row] = used.get(f"{PATH}?group_by=day").json["data"]
    assert row["day"] in {day(), day(1)}


@pytest.mark.usefixtures("used")
def test_a_tenant_is_told_its_own_and_the_operator_any(api: Api, worker: Worker) -> None:
    acme = api.of("acme")
    acme.post(f"/v1/jobs/{acme.submit()}/cancel")
    del worker

    assert acme.get(PATH).json["total"]["jobs"] == 1
    assert acme.get(f"{PATH}?tenant=acme").json["total"]["jobs"] == 1
    for query in ("tenant=default", "tenant=nobody", "group_by=tenant"):
        refused = acme.get(f"{PATH}?{query}")
        assert (refused.status_code, refused.json["type"]) == (403, "/problems/missing-scope")
    assert api.get(f"{PATH}?tenant=acme").json["total"]["jobs"] == 1
    everybody = api.get(f"{PATH}?group_by=tenant").json
    assert everybody["tenant"] is None
    assert {row["tenant"]: row["jobs"] for row in everybody["data"]} == {"acme": 1, "default": 3}
    both = api.get(f"{PATH}?group_by=tenant&tenant=acme").json
    assert {row["tenant"]: row["jobs"] for row in both["data"]} == {"acme": 1}


def test_a_day_without_ends_has_no_rows(used: Api) -> None:
    told = used.get(f"{PATH}?from={day(9)}&to={day(3)}&group_by=model").json

    assert told["data"] == []
    assert set(told["total"].values()) == {0}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("from=yesterday", "from"),
        ("from=2026-02-30", "from"),
        ("from=20261101", "from"),
        ("from=1066-10-14", "from"),
        ("to=2026-W01-1", "to"),
        ("to=", "to"),
        ("from=2026-11-02&to=2026-11-01", "to"),
        ("from=2025-01-01&to=2026-11-01", "from"),
        ("from=2026-10-01&to=2026-11-01&group_by=tenant", "from"),
        ("group_by=colour", "group_by"),
        ("group_by=key,key", "group_by"),
        ("group_by=key,", "group_by"),
        ("tenant=ACME", "tenant"),
        ("format=xml", "format"),
        ("form=csv", "form"),
        ("first=2026-11-01", "first"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_name(api: Api, query: str, field: str) -> None:
    refused = api.get(f"{PATH}?{query}")

    assert refused.status_code == 422, refused.text
    assert [one["field"] for one in refused.json["errors"]] == [field]


def test_the_longest_spans_are_told(api: Api) -> None:
    assert api.get(f"{PATH}?from=2026-01-01&to=2027-02-04").status_code == 200
    assert api.get(f"{PATH}?from=2026-10-01&to=2026-10-31&group_by=tenant").status_code == 200
    assert api.get(f"{PATH}?to=9999-12-31").json["from"] == "9999-12-02"


def lines(answer: Any) -> list[list[str]]:
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=")
    return list(csv.reader(io.StringIO(answer.text, newline="")))


def test_csv_has_the_same_rows(used: Api) -> None:
    path = f"{PATH}?group_by=model,outcome"
    rows = used.get(path).json["data"]

    told = lines(used.get(f"{path}&format=csv"))

    assert told == [["model", "outcome", *NUMBERS], *[[str(value) for value in row.values()] for row in rows]]
    assert lines(used.get(path, Accept="text/csv")) == told
    assert used.get(f"{path}&format=json", Accept="text/csv").json["data"] == rows
    for accepted in ("*/*", "application/json, text/csv;q=0.9", "image/png"):
        assert used.get(path, Accept=accepted).mimetype == "application/json"


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", 'a "b", c', "two\r\nlines", "ü"])
def test_no_cell_is_a_formula_and_none_breaks_the_table(api: Api, redis_client: redis.Redis, name: str) -> None:
    number = datetime.now(UTC).date().toordinal() - datetime(1970, 1, 1, tzinfo=UTC).toordinal()
    redis_client.hset(f"frontier:t:default:usage:{number}", f"succeeded/operator/{name}", "1 2 3 0 0 0")

    [_, row] = lines(api.get(f"{PATH}?from={day(1)}&group_by=model&format=csv"))

    assert row[0] in {name, f"'{name}"}
    assert not row[0].startswith(("=", "+", "-", "@", "\t", "\r"))
    assert row[1:4] == ["1", "2", "3"]


def test_an_answer_of_too_many_rows_is_refused(api: Api, redis_client: redis.Redis) -> None:
    number = datetime.now(UTC).date().toordinal() - datetime(1970, 1, 1, tzinfo=UTC).toordinal()
    many: Any = {f"succeeded/key_{one}/m": "1 0 0 0 0 0" for one in range(10_001)}
    redis_client.hset(f"frontier:t:default:usage:{number}", mapping=many)

    refused = api.get(f"{PATH}?from={day(1)}&group_by=key")

    assert (refused.status_code, refused.json["errors"][0]["field"]) == (422, "group_by")
    assert api.get(f"{PATH}?from={day(1)}&group_by=model").json["total"]["jobs"] == 10_001


def test_without_redis_it_is_503(make_process: Callable[..., ApiProcess]) -> None:
    api = Api(make_process({"REDIS_URL": "redis://127.0.0.1:1/0"}).test_client())

    refused = api.get(PATH)

    assert (refused.status_code, refused.json["type"]) == (503, "/problems/store-unavailable")


@pytest.fixture
def frontier(process: ApiProcess, tmp_path: Path) -> Iterator[Callable[..., Result]]:
    server = make_server("127.0.0.1", 0, process, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()

    def run(*words: str) -> Result:
        return run_frontier(f"http://127.0.0.1:{server.port}", tmp_path, "usage", *words, token=TOKEN)

    yield run
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.usefixtures("used")
def test_the_command_prints_a_table_json_or_csv(frontier: Callable[..., Result]) -> None:
    header, *rows = frontier("--by", "model,outcome").stdout.splitlines()

    assert header.split() == ["model", "outcome", "jobs", "prompt", "completion", "cached", "wasted", "engine", "s"]
    assert [row.split() for row in rows] == [
        ["poet", "cancelled", "1", "0", "0", "0", "0", "0.0"],
        ["poet", "succeeded", "2", "6", "8", "0", "0", "1.0"],
    ]
    assert frontier().stdout.splitlines()[1].split() == ["3", "6", "8", "0", "0", "1.0"]
    assert frontier("--by", "outcome", "--csv").stdout.splitlines()[1] == "cancelled,1,0,0,0,0,0.0"
    assert '"total": {"jobs": 3' in frontier("--json").stdout
    assert "nothing was used" in frontier("--by", "model", "--from", "2020-01-01", "--to", "2020-01-02").stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--from", "soon"), "from: Must be a day"),
        (("--by", "colour"), "group_by: Must be some of"),
        (("--from", ""), "is empty"),
        (("--csv", "--json"), "choose one of"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(frontier: Callable[..., Result], words: tuple[str, ...], said: str) -> None:
    refused = frontier(*words)

    assert refused.exit_code != 0
    assert said in refused.output


def test_every_outcome_is_in_the_document(api: Api) -> None:
    document: Any = api.client.get("/openapi.json").json
    told = document["components"]["schemas"]["UsageRow"]["properties"]["outcome"]["enum"]

    assert told == [state.value for state in JobState if state.is_final]
