"""Usage: sums, in JSON and as CSV."""

from __future__ import annotations

from scripts.test_api.answer import expect
from scripts.test_api.check import case
from scripts.test_api.system import System


@case("usage", "GET /v1/usage", "a job that has ended is counted; CSV on request; a day that is none is refused")
def usage(system: System) -> None:
    job_id = system.succeeded.id
    answer = system.call("GET /v1/usage", query={"group_by": "model,outcome"}).expect(200)
    rows = [row for row in answer["data"] if (row["model"], row["outcome"]) == (system.model, "succeeded")]
    expect(len(rows) == 1 and rows[0]["jobs"] >= 1, f"{job_id} is not counted")
    table = system.call("GET /v1/usage", query={"format": "csv"}).expect(200)
    expect(table.headers.get("Content-Type", "").startswith("text/csv"), "it is no CSV")
    system.call("GET /v1/usage", query={"from": "today"}).refuses(422, "invalid-request").blames("from")


CASES = (usage,)
