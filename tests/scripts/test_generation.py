"""The options that say how to generate, held against what the API takes."""

from __future__ import annotations

from pathlib import Path

import pytest
from marshmallow import ValidationError

from api.submission_schema import ParamsSchema
from tests.scripts.client_app import run_frontier
from tests.scripts.job_server import JobServer

EDGES = {
    "max_tokens": (["1", "1000000"], ["0", "-5", "1000001"]),
    "temperature": (["0", "2"], ["-0.1", "2.1", "nan", "inf"]),
    "top_p": (["0.01", "1"], ["0", "1.1", "nan"]),
    "top_k": (["0", "1000000"], ["-1", "1000001"]),
    "seed": (["0", str(2**53)], ["-1", str(2**53 + 1)]),
}


@pytest.mark.parametrize("name", EDGES)
def test_an_option_has_the_range_of_the_api(tmp_path: Path, name: str) -> None:
    option, (good, bad) = f"--{name.replace('_', '-')}", EDGES[name]
    with JobServer() as server:
        for value in good:
            assert run_frontier(server.url, tmp_path, "submit", "x", option, value).exit_code == 0
            ParamsSchema().load({name: float(value)})
        count = len(server.requests)
        for value in bad:
            refused = run_frontier(server.url, tmp_path, "submit", "x", option, value)
            assert refused.exit_code == 2
            assert option in refused.stderr
            with pytest.raises(ValidationError):
                ParamsSchema().load({name: int(value) if value.isdigit() else float(value)})
        assert len(server.requests) == count


@pytest.mark.parametrize("value", ["0", "-5", "86401", "nan"])
def test_a_run_limit_that_no_job_can_have_is_a_usage_error(tmp_path: Path, value: str) -> None:
    with JobServer() as server:
        assert run_frontier(server.url, tmp_path, "submit", "x", "--timeout", value).exit_code == 2
        assert server.requests == []
