"""A bulk run whose lines go to the server as files and are run there as batches, whoever follows them."""

from __future__ import annotations

import itertools
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import typer

from scripts.address import Address
from scripts.batch_calls import BatchCalls, Kind
from scripts.batch_lines import endpoint_of, outcome_of
from scripts.batch_progress import BatchProgress
from scripts.batch_view import BatchView
from scripts.bulk_batch_file import BatchFile
from scripts.bulk_csv_input import BrokenCsv
from scripts.bulk_files import UnusableFile, refuse_one_file_for_both
from scripts.bulk_input import BadLine, Line, too_long_as_bad
from scripts.bulk_order import Order, models_for
from scripts.bulk_outcome import Outcome, of_bad_line, of_line_refused
from scripts.bulk_output import OpenOutput, is_resumable, lines_to_do, open_output
from scripts.bulk_report import Beginning, rate_words, summary, troubles
from scripts.client import FrontierClient
from scripts.interrupts import INTERRUPTED, sigterm_interrupts
from scripts.patience import Patience
from scripts.screen import fail, note, one_line_errors, stderr

WITHOUT_SUCCESS = 3
LOOK_SECONDS = 5


def carry_out(order: Order, address: Address, *, patience: Patience) -> None:
    """Does all lines of *order* in batches; raises typer.Exit unless all have succeeded.

    An interrupt leaves a batch running. The same command finds it by the run's id, which its metadata tell.
    """
    started = time.monotonic()
    client = FrontierClient(address.url, address.token, patience=patience)
    try:
        with client, order.source.opened() as file, one_line_errors(address), sigterm_interrupts():
            models = models_for(client, order.generation, address)
            refuse_one_file_for_both(order.source.path, order.target)
            surveyed = order.source.survey()
            if surveyed is None or not is_resumable(order.target):
                raise fail("--batch needs a file to read and a file to write")
            with open_output(
                order.target, order.form, source=surveyed, settings=order.settings, restart=order.restart
            ) as results:
                again = results.tally.jobs_without_success() if order.retry_failed else {}
                began = Beginning.of(results.tally, lines_again=len(again))
                if remark := began.as_sentence():
                    note(remark)
                model = order.generation.model or next(iter(models))
                run = _Run(order, client.batches, results, model)
                run.go_on_with_earlier()
                again = results.tally.jobs_without_success() if order.retry_failed else {}
                brought, since = Beginning.of(results.tally, lines_again=0), time.monotonic()
                left = lines_to_do(order.source.lines(file), done=results.tally, again=again)
                made = run.do(too_long_as_bad(left, client.longest_prompt(model)))
                rate = rate_words(results.tally, brought, seconds=time.monotonic() - since) if made else ""
    except KeyboardInterrupt:
        note("What is on the server goes on; the same command follows it, `frontier batches cancel` ends it.")
        raise typer.Exit(INTERRUPTED) from None
    except (UnusableFile, BrokenCsv, OSError) as error:
        raise fail(str(error)) from None
    tally = results.tally
    seconds = time.monotonic() - started
    stderr().print(summary(tally, began, seconds=seconds, rate=rate, output=str(order.target)))
    if tally.unsuccessful:
        stderr().print("", troubles(tally), sep="\n")
        note("The same command with --retry-failed does the lines without success again.")
        raise typer.Exit(WITHOUT_SUCCESS)


class _Run:
    """Batches of one run, one after another."""

    def __init__(self, order: Order, calls: BatchCalls, results: OpenOutput, model: str) -> None:
        self._order = order
        self._calls = calls
        self._results = results
        self._model = model
        self._metadata = {"bulk_run": results.run_id}

    def go_on_with_earlier(self) -> None:
        """Brings home what an interrupted command has left on the server; batches before the newest were followed."""
        for batch in self._calls.listed(1, metadata=self._metadata):
            note(f"{batch.id}, made before, is {batch.status}")
            self._follow(batch)

    def do(self, lines: Iterable[Line | BadLine]) -> int:
        """Makes batches of *lines*, as large as they may be, and follows each to its end; how many."""
        made = 0
        good = self._without_bad(lines)
        for first in good:
            with tempfile.TemporaryDirectory() as folder:
                file = BatchFile.of(
                    itertools.chain([first], good),
                    Path(folder) / "lines.jsonl",
                    generation=self._order.generation,
                    model=self._model,
                    most_lines=self._order.batch_lines,
                )
                made += self._do_all_of(file)
        return made

    def _do_all_of(self, file: BatchFile) -> int:
        """A batch with a line that the server refuses is refused whole: it is made again without such lines."""
        made = 0
        while file.numbers:
            batch = self._made_of(file)
            made += 1
            ended = self._follow(batch)
            if ended.status != "failed":
                if not ended.total:
                    said = f"{batch.id} was {ended.status} before its lines were read, and none was done"
                    raise UnusableFile(f"{said}; the same command makes another batch of them")
                break
            refused = _refusals(ended, file.numbers)
            for outcome in refused.values():
                self._results.add(outcome)
            file.leave_out(refused)
        return made

    def _made_of(self, file: BatchFile) -> BatchView:
        file_id = self._calls.upload(file.path, name=f"{self._order.source.path.stem}.jsonl")
        batch = self._calls.make(
            file_id,
            endpoint=endpoint_of(self._order.generation),
            window="24h",
            metadata=self._metadata,
            idempotency_key=f"bulk-{self._results.run_id}-{file_id}",
        )
        note(f"{batch.id} was made")
        return batch

    def _without_bad(self, lines: Iterable[Line | BadLine]) -> Iterator[Line]:
        for line in lines:
            if isinstance(line, BadLine):
                self._results.add(of_bad_line(line))
            else:
                yield line

    def _follow(self, batch: BatchView) -> BatchView:
        """The batch as it ended, what it wrote being in the output."""
        read: dict[Kind, int] = {"output": 0, "errors": 0}
        with BatchProgress(console=stderr(), clock=time.monotonic) as progress:
            batch = self._calls.find(batch.id)
            while True:
                progress.show(batch)
                told: dict[Kind, int] = {"output": batch.completed, "errors": batch.failed}
                for kind, before in read.items():
                    if told[kind] > before:
                        read[kind] = before + self._bring_home(batch, kind, after=before)
                if batch.is_final:
                    break
                batch = self._calls.changed(batch, seconds=LOOK_SECONDS)
        return batch

    def _bring_home(self, batch: BatchView, kind: Kind, *, after: int) -> int:
        """How many lines came; those that stand in the output already are not written again."""
        count = 0
        for raw in self._calls.lines(batch.id, kind, after=after):
            count += 1
            outcome = outcome_of(raw)
            if not self._results.tally.has(outcome):
                self._results.add(outcome)
        return count


def _refusals(batch: BatchView, numbers: Sequence[int]) -> dict[int, Outcome]:
    """The lines that *batch* was refused for, by their place in it; raises UnusableFile for any other reason."""
    refused: dict[int, Outcome] = {}
    for error in batch.errors:
        place = error.get("line")
        if not isinstance(place, int) or not 0 < place <= len(numbers):
            raise UnusableFile(f"{batch.id} was refused: {error.get('message')}")
        refused.setdefault(place, of_line_refused(numbers[place - 1], error))
    if not refused:
        raise UnusableFile(f"{batch.id} failed, and does not say why")
    return refused
