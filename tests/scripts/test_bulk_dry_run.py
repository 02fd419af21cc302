"""What a bulk run tells before it does anything."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scripts.bulk_place import Workplace
from tests.scripts.job_server import JobServer

PACE = {"slots": 4, "pace": {"job_s": 2.0, "tokens": 100.0}}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Workplace]:
    with JobServer(looks_to_finish=1) as server:
        server.api.loads["shakespeare"] = [PACE]
        yield Workplace(tmp_path, server)


def told(place: Workplace, *options: str) -> dict[str, str]:
    outcome = place.run("--dry-run", *options)
    assert outcome.exit_code in {0, 3}, outcome.output
    return {line.split()[0]: line.split(None, 1)[1] for line in outcome.stdout.splitlines()}


def test_it_tells_lines_tokens_and_time_and_submits_and_writes_nothing(place: Workplace) -> None:
    prompts = ["x" * 400, "y" * 400]
    place.source.write_text("".join(json.dumps({"prompt": prompt}) + "\n" for prompt in prompts * 4))

    said = told(place, "--max-tokens", "100")

    assert said["lines"] == "8 to do"
    assert said["prompts"] == "about 800 tokens, at 4 characters each"
    assert said["completions"] == "at most 800 tokens, 100 a line"
    assert said["model"].endswith("the last jobs took 2 s for an estimated 100 tokens")
    assert said["time"] == "about 8 s if nobody else asks: 4 at a time, as long as the last jobs took"
    assert place.server.calls["POST"] == 0
    assert [file.name for file in place.folder.iterdir()] == ["in.jsonl"]


def test_without_max_tokens_a_completion_may_be_as_long_as_the_model_makes_them(place: Workplace) -> None:
    place.write(2)

    assert told(place)["completions"] == "at most 2,048 tokens, 1,024 a line"


def test_fewer_in_flight_than_slots_take_longer(place: Workplace) -> None:
    place.write(8)

    assert told(place, "--max-tokens", "98", "--in-flight", "1")["time"].startswith(
        "about 16 s if nobody else asks: 1 at"
    )


def test_what_waits_before_them_is_added(place: Workplace) -> None:
    place.write(4)
    place.server.api.loads["shakespeare"] = [PACE | {"classes": {"batch": {"eta_s": 30.0}}}]

    assert told(place, "--max-tokens", "98")["time"].startswith("about 32 s ")


def test_a_limit_that_takes_longer_than_the_model_is_told_in_its_place(place: Workplace) -> None:
    place.write(100)
    window = {"name": "submit", "limit": 10, "seconds": 60.0, "remaining": 10, "reset_s": 0.0}
    place.server.api.limits |= {"classes": [{"class": "submit", "windows": [window]}]}

    assert told(place, "--max-tokens", "1")["time"] == (
        "about 9 min 00 s if nobody else asks: your key may submit 10 in 60 s"
    )

    budget = {"policy": "tokens-per-minute", "limit": 1000, "remaining": 300, "window_s": 60}
    place.server.api.limits |= {"tenant": [budget]}

    assert told(place, "--max-tokens", "98")["time"] == (
        "about 9 min 43 s if nobody else asks: your tenant has 1000 tokens-per-minute"
    )


@pytest.mark.parametrize(
    ("load", "why"),
    [
        ({"slots": 0}, "no worker runs shakespeare"),
        ({"pace": None}, "no job of shakespeare has succeeded yet, to go by"),
        ({"circuit": "open"}, "shakespeare fails, and is left alone until it works again"),
    ],
)
def test_where_nobody_can_tell_the_time_it_says_why(place: Workplace, load: dict[str, object], why: str) -> None:
    place.write(1)
    place.server.api.loads["shakespeare"] = [PACE | load]

    assert told(place)["time"] == f"nobody can tell: {why}"


def test_a_paused_model_has_no_time(place: Workplace) -> None:
    place.write(1)
    place.server.api.modes["shakespeare"] = "paused"

    assert told(place)["time"] == "nobody can tell: shakespeare is paused"


def test_bad_lines_are_named_as_far_as_a_screen_holds_them_and_the_rest_are_counted(place: Workplace) -> None:
    place.source.write_text('{"prompt": "good"}\n{"prompt": "' + "x" * 32_001 + '"}\n' + "{}\n" * 30)

    outcome = place.run("--dry-run")

    assert outcome.exit_code == 3
    assert "1 to do, 31 bad" in outcome.stdout
    assert "2     the prompt has 32001 characters; the model accepts 32000" in outcome.stdout
    assert "3     the field 'prompt' is missing" in outcome.stdout
    assert "and 11 more" in outcome.stdout


def test_lines_that_stand_in_the_output_are_not_counted_again(place: Workplace) -> None:
    place.source.write_text('{"prompt": "one"}\n{"prompt": "please refuse"}\n')
    place.run()
    content = place.target.read_bytes()

    assert told(place)["lines"] == "0 to do, 2 done before"
    assert told(place, "--retry-failed")["lines"] == "1 to do, 1 done before"
    assert told(place, "--restart")["lines"] == "2 to do"
    assert place.target.read_bytes() == content


def test_it_refuses_what_the_run_would_refuse(place: Workplace) -> None:
    place.write(1)
    place.run()

    other = place.run("--dry-run", "--temperature", "1")
    nowhere = place.run("--dry-run", "--model", "nope")

    assert (other.exit_code, nowhere.exit_code) == (1, 1)
    assert "--temperature was not given, is 1.0" in other.stderr
    assert "there is no model 'nope'" in nowhere.stderr
