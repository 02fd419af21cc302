"""`frontier listen`: receive webhooks on this machine, verify them, and print each event as it comes."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from typing import Annotated

import typer

from jobs.signature import BadSecret, Secret
from jobs.webhooks.event import EVENT_TYPES
from scripts.address import find_address
from scripts.arguments import each_given, given
from scripts.client import FrontierClient
from scripts.generation import DataDirOption, UrlOption
from scripts.inbox import Inbox, Received, event_line
from scripts.own_endpoint import NotReachable, OwnEndpoint, register, remove
from scripts.receiver import Receiver
from scripts.screen import drawable, fail, note, one_line_errors, print_text
from scripts.stop_signals import StopSignals

ADVICE = "A job's own webhook is signed with another secret, your default one: give that with --secret."
LOOK_SECONDS = 1.0
"""How soon it is seen that nobody reads stdout any more."""


def _secrets(texts: list[str] | None) -> list[str] | None:
    for text in texts or ():
        try:
            Secret.parse(text)
        except BadSecret as bad:
            raise typer.BadParameter(str(bad)) from None
    return texts


def _types(names: list[str] | None) -> list[str] | None:
    for name in each_given(names) or ():
        if name not in EVENT_TYPES:
            raise typer.BadParameter(f"{name!r} is none of {', '.join(EVENT_TYPES)}")
    return names


def listen(
    *,
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.", min=0, max=65535)] = 9000,
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 is all of this machine's.", callback=given)
    ] = "127.0.0.1",
    secret: Annotated[
        list[str] | None,
        typer.Option(
            metavar="WHSEC",
            envvar="WEBHOOK_SECRET",
            help="Secret of an endpoint that stands already, or the one for jobs' own webhooks; may be repeated. "
            "Without one this registers an endpoint for as long as it runs.",
            callback=_secrets,
        ),
    ] = None,
    event: Annotated[
        list[str] | None, typer.Option(metavar="TYPE", help="Only these; may be repeated.", callback=_types)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print each body as it was sent, one to a line.")] = False,
    url: UrlOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Receive webhooks, verify their signatures and print each event as it comes, until Ctrl-C."""
    types = event or []
    page = _Page(types, as_json=as_json)
    try:
        receiver = Receiver(host, port)
    except OSError as error:
        raise fail(f"cannot listen on {host}, port {port}: {error.strerror or error}") from None
    with closing(receiver), StopSignals() as signals:
        if secret:
            note(f"listening on {receiver.url}; Ctrl-C ends it")
            inbox = page.inbox([Secret.parse(text) for text in secret])
            _serve(receiver, inbox, page, signals)
            return
        address = find_address(url, data_dir, os.environ)
        with (
            one_line_errors(address),
            FrontierClient(address.url, address.token) as client,
            _registered(client, receiver.url, types) as endpoint,
        ):
            note(f"listening on {receiver.url}, registered at {client.url} as {endpoint.id}; Ctrl-C ends both")
            inbox = page.inbox([endpoint.secret], advice=ADVICE)
            _serve(receiver, inbox, page, signals)


@contextmanager
def _registered(client: FrontierClient, url: str, types: Sequence[str]) -> Iterator[OwnEndpoint]:
    try:
        endpoint = register(client, url, types)
    except NotReachable as refused:
        raise fail(str(refused)) from None
    try:
        yield endpoint
    finally:
        if left := remove(client, endpoint.id):
            note(left)


def _serve(receiver: Receiver, inbox: Inbox, page: _Page, signals: StopSignals) -> None:
    with receiver.served(inbox.take):
        while not signals.asked and page.error is None:
            signals.wait(LOOK_SECONDS)
    if page.error is not None:
        raise page.error


class _Page:
    """What is written to stdout; `error` is why it no longer can be, such as a pipe that nobody reads."""

    def __init__(self, types: Sequence[str], *, as_json: bool) -> None:
        self._types = types
        self._as_json = as_json
        self.error: OSError | None = None

    def inbox(self, secrets: Sequence[Secret], *, advice: str = "") -> Inbox:
        """What comes signed with one of *secrets* is written here."""
        return Inbox(secrets, show=self._show, tell=note, clock=time.time, types=self._types, advice=advice)

    def _show(self, received: Received) -> None:
        at = datetime.now().astimezone().strftime("%H:%M:%S")
        try:
            print_text(received.body.decode() if self._as_json else drawable(event_line(received, at=at)))
        except OSError as error:
            self.error = error
