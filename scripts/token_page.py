"""What is seen of a job while its tokens come."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import typer

from scripts.job_following import JobEvent
from scripts.job_view import JobView
from scripts.job_words import state_words
from scripts.screen import drawable


class TokenPage:
    """Tokens on stdout as they come, or with *as_json* each event on a line; *tell* gets where the job stands.

    Text is written as `print_text` does it; since each control character is replaced by itself, none gets to a
    screen in parts. *clear* is called before anything is written.
    """

    def __init__(
        self, *, as_json: bool, tell: Callable[[str], object], clear: Callable[[], object] = lambda: None
    ) -> None:
        self._as_json = as_json
        self._tell_words = tell
        self._clear = clear
        self._is_screen = sys.stdout.isatty()
        self._facts: Mapping[str, Any] = {}
        self._told = ""
        self._is_mid_line = False

    def show(self, events: Iterable[JobEvent | None], *, look: Callable[[], JobView] | None = None) -> JobView:
        """The final job, once all before it is shown; a job that waits is looked at by *look* at each sign of life."""
        try:
            for event in events:
                if event is not None:
                    self._show(event)
                    if event.name == "final":
                        return event.job
                elif look is not None and self._facts.get("status") == "queued":
                    self._stand(look().body)
        finally:
            self._end_line()
        raise AssertionError("the events of a job end with its end")

    def _show(self, event: JobEvent) -> None:
        if self._as_json:
            self._clear()
            typer.echo(json.dumps({"event": event.name, "data": event.data}, ensure_ascii=False))
        elif event.name == "token" and event.data["text"]:
            self._clear()
            text = str(event.data["text"])
            typer.echo(drawable(text) if self._is_screen else text, nl=False)
            self._is_mid_line = True
        if event.name == "snapshot" and not event.job.is_final:
            self._stand(event.data)
        elif event.name == "status":
            self._stand({"max_attempts": self._facts.get("max_attempts"), **event.data})

    def _stand(self, facts: Mapping[str, Any]) -> None:
        self._facts = facts
        words = state_words(facts)
        if words != self._told:
            self._told = words
            if self._is_screen:
                self._end_line()
            self._tell_words(words)

    def _end_line(self) -> None:
        if self._is_mid_line:
            self._is_mid_line = False
            typer.echo()
