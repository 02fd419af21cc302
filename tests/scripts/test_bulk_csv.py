"""Bulk runs over rows of CSV, and results as rows of CSV."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import Result

from scripts.bulk_forms import COLUMNS, FormName, form_of
from scripts.bulk_outcome import Outcome
from tests.scripts.bulk_place import Workplace
from tests.scripts.client_app import eventually, run_frontier
from tests.scripts.job_server import JobServer

LETTER = ("--template", "Write to {name} of {city}")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Workplace]:
    with JobServer(looks_to_finish=1) as server:
        yield Workplace(tmp_path, server)


def run_on_rows(place: Workplace, content: str | bytes, *options: str, output: str = "out.jsonl") -> Result:
    source = place.folder / "in.csv"
    source.write_bytes(content.encode() if isinstance(content, str) else content)
    words = ("bulk", "--from-csv", str(source), "-o", str(place.folder / output), *options)
    return run_frontier(place.server.url, place.folder, *words)


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="", encoding="utf-8") as opened:
        return list(csv.DictReader(opened))


def test_each_row_is_a_line_under_the_number_it_begins_on(place: Workplace) -> None:
    content = '\ufeffname,city\r\nAda,London\r\n"Émilie\r\nthe second",Paris\r\n\r\nGrace,"New ""York"""\r\n'

    outcome = run_on_rows(place, content, *LETTER)

    assert outcome.exit_code == 0, outcome.output
    assert {line: result["text"] for line, result in place.by_line().items()} == {
        2: "echo Write to Ada of London",
        3: "echo Write to Émilie\r\nthe second of Paris",
        6: 'echo Write to Grace of New "York"',
    }


def test_without_a_template_one_column_is_the_prompt(place: Workplace) -> None:
    run_on_rows(place, "id,question\n7,why?\n", "--field", "question")

    assert place.by_line()[2]["text"] == "echo why?"


def test_rows_no_job_can_be_made_of_are_refused_and_the_others_run(place: Workplace) -> None:
    content = b"name,city\nAda\nGrace,York,1906\n\xff,Oslo\nMary,Bath\n"

    outcome = run_on_rows(place, content, *LETTER)

    assert outcome.exit_code == 3
    results = place.by_line()
    assert [results[line]["error"]["detail"] for line in (2, 3, 4)] == [
        "the row has 1 cells, and the header 2",
        "the row has 3 cells, and the header 2",
        "the row is not UTF-8",
    ]
    assert results[5]["text"] == "echo Write to Mary of Bath"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("name,town\nAda,London\n", "line 1 has no column 'city'; it has name, town"),
        ("name,city,city\nAda,London,Paris\n", "line 1 has the column 'city' more than once"),
        ("", "line 1 has no column 'name'; it has none"),
        ('name,city\nAda,London\n"Grace,York\nMary,Bath\n', "line 3 is no CSV: unexpected end of data"),
    ],
)
def test_a_file_that_is_wrong_as_a_whole_ends_the_run_before_the_first_line(
    place: Workplace, content: str, said: str
) -> None:
    outcome = run_on_rows(place, content, *LETTER)

    assert outcome.exit_code == 1
    assert outcome.stderr == f"Error: {place.folder / 'in.csv'}: {said}\n"
    assert [file.name for file in place.folder.iterdir()] == ["in.csv"]


def test_rows_come_from_stdin_until_one_cannot_be_told_from_the_next(place: Workplace) -> None:
    words = ("bulk", "--from-csv", "-", "-o", "-", "--field", "a")
    outcome = run_frontier(place.server.url, place.folder, *words, given='a\nfirst\n"second"x\nthird\n')

    assert outcome.exit_code == 1
    assert [json.loads(line)["text"] for line in outcome.stdout.splitlines()] == ["echo first"]
    assert "cannot read on in stdin: line 3 is no CSV" in outcome.stderr


def test_a_column_that_a_line_of_json_lacks_is_named_with_its_line(place: Workplace) -> None:
    place.source.write_text('{"name": "Ada", "city": "London"}\n{"name": "Grace"}\n')

    outcome = place.run(*LETTER)

    assert outcome.exit_code == 3
    results = place.by_line()
    assert results[1]["text"] == "echo Write to Ada of London"
    assert results[2]["error"]["detail"] == "the field 'city' is missing"
    assert "line 2" in outcome.stderr


@pytest.mark.parametrize(
    "options",
    [
        ("in.jsonl", "--from-csv", "in.csv"),
        (),
        ("in.jsonl", "--field", "a", "--template", "{a}"),
        ("in.jsonl", "--template", "{a"),
        ("in.jsonl", "--format", "xml"),
    ],
)
def test_options_that_contradict_each_other_or_mean_nothing_are_wrong_usage(
    place: Workplace, options: tuple[str, ...]
) -> None:
    assert run_frontier(place.server.url, place.folder, "bulk", *options).exit_code == 2


def test_results_are_rows_where_the_output_is_named_so(place: Workplace) -> None:
    place.source.write_text(
        json.dumps({"prompt": 'two\r\nlines, "quoted"'}) + "\n" + json.dumps({"prompt": "refuse this"}) + "\n"
    )
    target = place.folder / "out.csv"

    outcome = run_frontier(place.server.url, place.folder, "bulk", str(place.source), "-o", str(target))

    assert outcome.exit_code == 3
    by_line = {row["line"]: row for row in rows(target)}
    assert by_line["1"]["text"] == 'echo two\r\nlines, "quoted"'
    assert by_line["1"]["completion_tokens"] == "5"
    assert by_line["2"]["status"] == "refused"
    assert by_line["2"]["error_type"] == "invalid-request"
    assert "is longer than the context" in by_line["2"]["error"]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "'=1", " ", '=HYPERLINK("http://x","y")'])
def test_a_text_that_a_spreadsheet_takes_for_a_formula_stands_there_as_the_model_gave_it(text: str) -> None:
    form = form_of(FormName.CSV)

    row = form.row(Outcome(line=1, status="succeeded", text=text))

    (cells,) = csv.reader([row.decode()])
    assert cells[COLUMNS.index("text")] == text
    assert form.outcome(row).text == text


def test_the_format_may_be_named_instead_and_names_the_default_output(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place.folder)
    place.write(1)

    run_frontier(place.server.url, place.folder, "bulk", "in.jsonl", "--format", "csv")
    piped = run_frontier(place.server.url, place.folder, "bulk", "in.jsonl", "-o", "-", "--format", "csv")

    assert [row["text"] for row in rows(place.folder / "in.results.csv")] == ["echo prompt 1"]
    assert piped.stdout.startswith("line,id,status,text,")


@pytest.mark.parametrize("torn_bytes", [1, 2, 3, 20, 40])
def test_rows_of_a_killed_run_are_kept_but_the_torn_one_is_done_again(place: Workplace, torn_bytes: int) -> None:
    place.source.write_text("".join(json.dumps({"prompt": f'"prompt\n{n}'}) + "\n" for n in range(1, 7)))
    place.target = place.folder / "out.csv"
    api = place.server.api
    api.looks_to_finish = float("inf")
    with place.start("--in-flight", "3") as process:
        api.wait_until(lambda: len(api.jobs) == 3)
        api.finish("job_000001")
        api.finish("job_000002")
        eventually(lambda: place.target.exists() and place.target.read_bytes().count(b"\r\n") == 3)
        process.kill()
    kept = place.target.read_bytes()
    place.target.write_bytes(kept[:-torn_bytes])
    api.looks_to_finish = 1

    outcome = place.run()

    assert outcome.exit_code == 0, outcome.output
    assert outcome.stderr.startswith("1 lines were done before\n")
    done = rows(place.target)
    assert sorted(row["line"] for row in done) == ["1", "2", "3", "4", "5", "6"]
    assert {row["line"]: row["text"] for row in done}["4"] == 'echo "prompt\n4'
    assert len(api.jobs) == 6


def test_a_retry_leaves_each_line_once_under_one_header(place: Workplace) -> None:
    place.source.write_text('{"prompt": "good"}\n{"prompt": "please refuse this"}\n')
    place.target = place.folder / "out.csv"
    place.run()

    again = place.run("--retry-failed")

    assert "1 lines were done before, 1 are done again" in again.stderr
    assert sorted(row["line"] for row in rows(place.target)) == ["1", "2"]
    assert place.target.read_text().count("finish_reason") == 1


def test_rows_are_not_gone_on_with_in_another_form(place: Workplace) -> None:
    place.write(2)
    place.target = place.folder / "out.csv"
    place.run()

    refused = place.run("--format", "jsonl")

    assert refused.exit_code == 1
    assert '--format was "csv", is not given' in refused.stderr
    assert len(rows(place.target)) == 2
