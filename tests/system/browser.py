"""A page in a real browser, and what it must not have noticed when a test is over."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Page, Request

PATIENCE_MS = 60_000
_WATCH_POLICY = "addEventListener('securitypolicyviolation', (e) => console.error('policy: ' + e.violatedDirective))"


@contextmanager
def watched_page(browser: Browser, url: str, session: Path | None = None, **options: Any) -> Iterator[Page]:
    """A page of the console at *url*; afterwards nothing has gone wrong in it, nor left its origin.

    With a *session* it has logged in before. What the API refuses is told by browsers as an error too, and is none.
    """
    context = browser.new_context(base_url=url, storage_state=session, **options)
    context.set_default_timeout(PATIENCE_MS)
    context.add_init_script(_WATCH_POLICY)
    page, faults = context.new_page(), list[str]()

    def note_message(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and "Failed to load resource" not in message.text:
            faults.append(message.text)

    def note_request(request: Request) -> None:
        if not request.url.startswith((f"{url}/", "data:")):
            faults.append(f"asked {urlsplit(request.url).netloc}")

    page.on("console", note_message)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", note_request)
    yield page
    context.close()
    assert not faults, faults
