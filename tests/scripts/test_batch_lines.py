"""Lines of the files of a batch as a bulk run reads them: of this server, and of others that speak its dialect."""

from __future__ import annotations

import json
from typing import Any

import pytest

from api.batches.answer_lines import CANCELLED, EXPIRED, LOST, answer_of_left, answer_of_problem
from scripts.batch_lines import outcome_of

TOLD = {"code": "context_length_exceeded", "message": "Too long."}
REFUSAL: dict[str, Any] = {"status": 400, "title": "Invalid", "error": TOLD | {"type": "x", "param": "messages"}}


def test_what_was_refused_is_told_as_the_body_of_its_response_says() -> None:
    outcome = outcome_of(answer_of_problem("job_7", "7", REFUSAL).text)

    assert (outcome.line, outcome.status, outcome.id) == (7, "failed", "batch_req_7")
    assert outcome.error == {"type": "context_length_exceeded", "title": "Too long."}


def test_what_was_refused_is_read_also_where_it_is_said_twice() -> None:
    line = json.loads(answer_of_problem("job_7", "7", REFUSAL).text) | {"error": TOLD}

    assert outcome_of(json.dumps(line).encode()).error == {"type": "context_length_exceeded", "title": "Too long."}


@pytest.mark.parametrize(("code", "status"), [(CANCELLED, "cancelled"), (EXPIRED, "expired"), (LOST, "failed")])
def test_a_line_that_was_not_run_to_its_end_says_so_itself(code: str, status: str) -> None:
    outcome = outcome_of(answer_of_left("job_7", "7", code).text)

    assert outcome.status == status
    assert outcome.error is not None
    assert outcome.error["type"] == code
