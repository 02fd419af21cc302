"""`make screenshots`: pictures of the pages of a system that runs, with the model that ships, for docs/images/."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, HttpCredentials, Page

from scripts import paths
from scripts.chromium import find_chromium, running
from scripts.client import FrontierClient
from scripts.flower_page import USER
from scripts.generation import Generation
from scripts.patience import Patience
from scripts.ports import free_port

FOLDER = paths.CHECKOUT / "docs" / "images"
LARGEST_BYTES = 150_000
PATIENCE_MS = 120_000
TRAFFIC_SECONDS = 45.0
_PROMPTS = ("O Romeo, Romeo,", "ROMEO:\nWhat light", "My lord, the people", "Good night, good night!", "JULIET:\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A system that runs: where, how to ask it, the link that logs in, once, and where Flower is."""

    url: str
    client: FrontierClient
    link: str
    flower: HttpCredentials

    def run(self, prompt: str, *, tokens: int) -> str:
        """The id of a job that has ended."""
        body = Generation(chat=False, max_tokens=tokens, temperature=0.8).body(prompt)
        job = self.client.submit(body, idempotency_key=uuid.uuid4().hex)
        while not job.is_final:
            job = self.client.wait(job.id, seconds=30.0)
        return job.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """What is drawn once `prepare` has opened a page and made of it what is worth a picture."""

    name: str
    prepare: Callable[[Page, Site], object]
    height: int = 860
    scheme: Literal["light", "dark"] = "light"


def show_prompt(page: Page, _site: Site) -> None:
    page.goto("/")
    page.get_by_label("What the model goes on from").fill("O Romeo, Romeo,")
    page.get_by_label("Max tokens").fill("64")
    page.get_by_role("button", name="Run").click()
    page.get_by_text("Done.").wait_for()


def show_job(page: Page, site: Site) -> None:
    job_id = site.run("ROMEO:\nWhat light", tokens=96)
    page.goto(f"/jobs/{job_id}")
    while "delivered" not in page.locator(".steps strong").all_text_contents():
        page.reload()


def show_status(page: Page, site: Site) -> None:
    is_over = threading.Event()
    clients = [threading.Thread(target=_ask, args=(site, is_over), daemon=True) for _ in range(6)]
    for client in clients:
        client.start()
    page.goto("/status")
    is_over.wait(TRAFFIC_SECONDS)
    page.locator("#histograms figure").first.wait_for()
    is_over.set()
    for client in clients:
        client.join()


def show_docs(page: Page, _site: Site) -> None:
    page.goto("/docs")
    page.get_by_role("heading", name="Jobs", exact=True).wait_for()


def show_flower(page: Page, site: Site) -> None:
    page.goto(f"{site.flower['origin']}/tasks")
    page.locator("#tasks-table td", has_text="SUCCESS").first.wait_for()


PICTURES: Sequence[Picture] = (
    Picture(name="console-prompt", prepare=show_prompt),
    Picture(name="console-prompt-dark", prepare=show_prompt, scheme="dark"),
    Picture(name="console-job", prepare=show_job, height=1500),
    Picture(name="console-status", prepare=show_status, height=1320),
    Picture(name="docs", prepare=show_docs),
    Picture(name="flower", prepare=show_flower, height=640),
)


def main() -> None:
    program = find_chromium()
    if program is None:
        sys.exit("Error: there is no Chromium; Debian has it as the package chromium.")
    FOLDER.mkdir(exist_ok=True)
    with _site() as site, _receiver() as receiver, running(program) as browser:
        site.client.endpoints.make("orders", receiver, ["job.succeeded"])
        session = _log_in(browser, site)
        for prompt in _PROMPTS:
            site.run(prompt, tokens=40)
        for picture in PICTURES:
            file = FOLDER / f"{picture.name}.png"
            _draw(browser, site, session, picture, file)
            size = file.stat().st_size
            print(f"{file.relative_to(paths.CHECKOUT)}: {size / 1000:.0f} kB")
            if size > LARGEST_BYTES:
                sys.exit(f"Error: that is more than {LARGEST_BYTES / 1000:.0f} kB; choose less of the page.")


def _draw(browser: Browser, site: Site, session: Path, picture: Picture, file: Path) -> None:
    context = browser.new_context(
        base_url=site.url,
        storage_state=session,
        viewport={"width": 1240, "height": picture.height},
        color_scheme=picture.scheme,
        timezone_id="UTC",
        http_credentials=site.flower,
    )
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    picture.prepare(page, site)
    page.evaluate("document.activeElement?.blur()")
    page.screenshot(path=file)
    context.close()


def _log_in(browser: Browser, site: Site) -> Path:
    kept = Path(tempfile.mkdtemp()) / "session.json"
    context = browser.new_context()
    page = context.new_page()
    page.goto(site.link)
    page.get_by_role("button", name="Run").wait_for(timeout=PATIENCE_MS)
    context.storage_state(path=kept)
    context.close()
    return kept


def _ask(site: Site, is_over: threading.Event) -> None:
    for prompt in cycle(_PROMPTS):
        if is_over.is_set():
            return
        site.run(prompt, tokens=60)


@contextmanager
def _site() -> Iterator[Site]:
    with tempfile.TemporaryDirectory() as name:
        folder, port, flower_port = Path(name), free_port(), free_port()
        command = [sys.executable, "-m", "scripts.cli", "up", "--data-dir", name, "--port", str(port)]
        command += ["--flower", "--flower-port", str(flower_port)]
        environment = {"WEBHOOK_ALLOW_CIDRS": "127.0.0.0/8", "CACHE_BACKEND": "none", "RATE_LIMIT_RPM": "none"}
        up = subprocess.Popen(
            [*command, "--model", "shakespeare"], env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True
        )
        try:
            link = _printed(up, r"http://\S+/login#\S+")
            _printed(up, "shakespeare is ready")
            url = f"http://127.0.0.1:{port}"
            patience = Patience(seconds=60.0, first_answer_seconds=60.0)
            flower = HttpCredentials(
                username=USER,
                password=paths.make_flower_password(folder),
                origin=f"http://127.0.0.1:{flower_port}",
            )
            client = FrontierClient(url, paths.read_token(folder), patience=patience)
            yield Site(url=url, client=client, link=link, flower=flower)
        finally:
            up.terminate()
            up.communicate()


@contextmanager
def _receiver() -> Iterator[str]:
    """Where webhooks are accepted."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Receiver) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/orders"
        server.shutdown()


class _Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(HTTPStatus.NO_CONTENT)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


def _printed(up: subprocess.Popen[str], pattern: str) -> str:
    """What matches in the next lines."""
    for line in up.stdout or ():
        if found := re.search(pattern, line):
            return found[0]
    sys.exit("Error: `frontier up` has ended early.")


if __name__ == "__main__":
    main()
