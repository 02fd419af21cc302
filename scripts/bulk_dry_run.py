"""What a bulk run would do, told before anything is submitted or written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import typer
from rich.table import Table
from rich.text import Text

from jobs.job import Priority
from scripts.address import Address
from scripts.bulk_csv_input import BrokenCsv
from scripts.bulk_estimate import CHARACTERS_PER_TOKEN, Demand, Forecast, forecast
from scripts.bulk_files import UnusableFile, refuse_one_file_for_both
from scripts.bulk_input import BadLine, too_long_as_bad
from scripts.bulk_order import Order, models_for
from scripts.bulk_output import lines_to_do, standing
from scripts.client import FrontierClient
from scripts.queue_view import QueueView
from scripts.screen import drawable, fail, one_line_errors, print_result
from scripts.timings import seconds_text

MOST_BAD_LINES = 20
WOULD_NOT_SUCCEED = 3


@dataclass(frozen=True, slots=True)
class Preview:
    """*done* lines have their outcome already; of the *bad* ones the first are named."""

    demand: Demand
    done: int
    bad: int
    named: list[BadLine]
    queue: QueueView
    forecast: Forecast

    def table(self) -> Table:
        demand = self.demand
        table = Table(box=None, show_header=False, pad_edge=False)
        counts = [f"{demand.lines:,} to do"]
        counts += [f"{self.bad:,} bad"] if self.bad else []
        counts += [f"{self.done:,} done before"] if self.done else []
        table.add_row("lines", ", ".join(counts))
        table.add_row("prompts", f"about {demand.prompt_tokens:,} tokens, at {CHARACTERS_PER_TOKEN} characters each")
        table.add_row("completions", f"at most {demand.completion_tokens:,} tokens, {demand.max_tokens:,} a line")
        table.add_row("model", Text(drawable(_model_words(self.queue))))
        table.add_row("time", Text(drawable(_time_words(self.forecast, lines=demand.lines))))
        return table

    def bad_lines(self) -> Table:
        table = Table("line", "would be refused because", box=None, pad_edge=False)
        for line in self.named:
            table.add_row(str(line.number), Text(drawable(line.reason)))
        if more := self.bad - len(self.named):
            table.add_row("", f"and {more:,} more")
        return table


def tell_of(order: Order, address: Address, *, in_flight: int | None) -> None:
    """Prints what *order* would do, as a batch if *in_flight* is None; ends with 3 if lines would be refused."""
    try:
        with FrontierClient(address.url, address.token) as client, one_line_errors(address):
            preview = _preview(order, client, models_for(client, order.generation, address), in_flight)
    except (UnusableFile, BrokenCsv, OSError) as error:
        raise fail(str(error)) from None
    print_result(preview.table())
    if preview.bad:
        print_result(preview.bad_lines())
        raise typer.Exit(WOULD_NOT_SUCCEED)


def _preview(order: Order, client: FrontierClient, models: Mapping[str, int | None], in_flight: int | None) -> Preview:
    generation, source = order.generation, order.source
    model = generation.model if generation.model is not None else next(iter(models))
    max_tokens = generation.max_tokens if generation.max_tokens is not None else models[model] or 0
    refuse_one_file_for_both(source.path, order.target)
    stands = standing(order.target, order.form, source=source.survey(), settings=order.settings, restart=order.restart)
    again = stands.jobs_without_success() if order.retry_failed else {}
    longest = client.longest_prompt(model)
    demand = Demand(max_tokens)
    bad, named = 0, list[BadLine]()
    with source.opened() as file:
        left = lines_to_do(source.lines(file), done=stands, again=again)
        for line in demand.take(too_long_as_bad(left, longest)):
            bad += 1
            if len(named) < MOST_BAD_LINES:
                named.append(line)
    queue = client.queue(model)
    priority = str(generation.priority or Priority.STANDARD)
    expected = forecast(demand, queue, client.limits(), priority=priority, in_flight=in_flight)
    return Preview(demand, stands.lines - len(again), bad, named, queue, expected)


def _model_words(queue: QueueView) -> str:
    words = [queue.model]
    if queue.slots:
        words.append(f"{queue.slots} slots, {queue.running} taken; {queue.waiting + queue.delayed} jobs wait")
    pace: Mapping[str, Any] = queue.pace or {}
    if pace.get("job_s") is not None:
        of = "" if pace.get("tokens") is None else f" for an estimated {pace['tokens']:,.0f} tokens"
        words.append(f"the last jobs took {seconds_text(pace['job_s'])}{of}")
    return ": ".join((words[0], ", ".join(words[1:]))) if words[1:] else words[0]


def _time_words(expected: Forecast, *, lines: int) -> str:
    if not lines:
        return "none: nothing is to do"
    if expected.seconds is None:
        return f"nobody can tell: {expected.why}"
    return f"about {seconds_text(expected.seconds)} if nobody else asks: {expected.bound}"
