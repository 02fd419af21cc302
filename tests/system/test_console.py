"""The console in a real browser, before a real system."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from scripts import paths
from scripts.chromium import find_chromium, running
from tests.resilience.rude_server import OK, RudeServer, answers
from tests.system.browser import PATIENCE_MS, watched_page
from tests.system.up_process import DEADLINE_SECONDS, UpProcess
from tests.system.worker_process import wait_for

SLOTS = 4
CONFIG = f"""
models:
  echo:
    engine: scripted
    slots: {SLOTS}
    script: {{tokens_per_second: 40}}
    limits: {{max_tokens: 4000}}
"""
NASTY = "<b>bold</b> שלום 你好 " + "w" * 400
CONTRAST = """() => {
  const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, index) => sum + v * [0.2126, 0.7152, 0.0722][index], 0);
  const behind = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const colour = rgb(getComputedStyle(one).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const poor = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || !element.checkVisibility() || element.matches(":disabled, .unseen, template")) continue;
    const [a, b] = [luminance(rgb(getComputedStyle(element).color)), luminance(behind(element))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) poor.push(element.outerHTML.slice(0, 80));
  }
  return poor;
}"""


@pytest.fixture(scope="module")
def chromium() -> str:
    found = find_chromium()
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail("there is no Chromium")
        pytest.skip("there is no Chromium")
    return found


@pytest.fixture(scope="module")
def up(chromium: str, server_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[UpProcess]:
    """A system that has just started, and what it has printed."""
    del chromium, server_binary
    folder = tmp_path_factory.mktemp("console")
    config = folder / "models.yaml"
    config.write_text(CONFIG)
    up = UpProcess(folder / "data", config, "--model", "echo", env={"WEBHOOK_ALLOW_CIDRS": "127.0.0.0/8"})
    yield up
    up.close()


@pytest.fixture(scope="module")
def url(up: UpProcess) -> str:
    return f"http://127.0.0.1:{up.port}"


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE_MS)
    with running(chromium) as browser:
        yield browser


@pytest.fixture(scope="module")
def session(browser: Browser, up: UpProcess, url: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a browser keeps that was sent in by the link."""
    [link] = up.read_until(r"http://127\.0\.0\.1:\d+/login#login_[\w-]+")
    up.read_until("echo is ready")
    kept = tmp_path_factory.mktemp("session") / "state.json"
    with watched_page(browser, url) as page:
        page.goto(link)
        expect(page.get_by_role("button", name="Run")).to_be_visible()
        assert page.url == f"{url}/"
        page.go_back()
        assert "login_" not in page.evaluate("location.href")
        page.context.storage_state(path=kept)
    return kept


@pytest.fixture
def page(browser: Browser, url: str, session: Path) -> Iterator[Page]:
    """The first page, for who has logged in."""
    with watched_page(browser, url, session) as page:
        page.goto("/")
        yield page


def run(page: Page, prompt: str, *, tokens: int) -> None:
    page.get_by_label("What the model goes on from").fill(prompt)
    page.get_by_label("Max tokens").fill(str(tokens))
    page.get_by_role("button", name="Run").click()


def has_tokens(page: Page, count: int) -> None:
    """Return when so many words of the result are there."""
    page.wait_for_function("n => document.getElementById('output').textContent.split(' ').length > n", arg=count)


def submit(up: UpProcess, prompt: str, *, tokens: int, **more: Any) -> str:
    body = {"input": {"prompt": prompt}, "params": {"max_tokens": tokens}, **more}
    return up.client.submit(body, idempotency_key=os.urandom(8).hex()).id


def ended(up: UpProcess, job_id: str) -> str:
    job = up.client.job(job_id)
    while not job.is_final:
        job = up.client.wait(job_id, seconds=30)
    return str(job.state)


def is_told(page: Page) -> bool:
    """Whether the page of a job, drawn anew, says that its end was delivered."""
    page.reload()
    return "delivered" in page.locator(".steps li strong").all_text_contents()


def test_a_newcomer_runs_a_prompt_sees_its_tokens_and_cancels_it(page: Page) -> None:
    run(page, "Tell me a long story", tokens=4000)
    has_tokens(page, 3)
    page.get_by_role("button", name="Cancel").click()

    expect(page.locator("#standing")).to_have_text("Cancelled.")
    expect(page.locator("#jobs tr").first).to_contain_text("cancelled")
    expect(page.get_by_role("button", name="Run")).to_be_enabled()
    expect(page.get_by_role("button", name="Cancel")).to_be_hidden()


def test_from_a_result_one_goes_to_its_timeline_and_to_whom_it_was_told(page: Page, up: UpProcess) -> None:
    with RudeServer(answers(OK)) as receiver:
        up.client.endpoints.make("standing", f"http://127.0.0.1:{receiver.port}/hook", ["job.succeeded"])
        run(page, "Once", tokens=6)
        expect(page.locator("#standing")).to_have_text("Done.")
        page.get_by_role("link", name="timeline").click()
        expect(page.locator(".steps")).to_contain_text("final")
        wait_for(lambda: is_told(page), DEADLINE_SECONDS)

    names = page.locator(".steps li strong").all_text_contents()
    assert names == ["accepted", "claimed", "first token", "final", "delivered"]
    assert page.locator(".legend dt").all_text_contents() == ["queue wait", "TTFT", "decode", "delivery lag"]
    expect(page.locator("#output")).not_to_be_empty()
    page.locator(".delivery summary").click()
    expect(page.locator(".delivery tbody tr")).to_contain_text("200")


def test_everything_is_done_by_keyboard(page: Page) -> None:
    expect(page.get_by_label("What the model goes on from")).to_be_focused()
    page.keyboard.type(" and by hand")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.type("4000")
    page.keyboard.press("Control+Enter")
    has_tokens(page, 3)
    page.keyboard.press("Escape")
    expect(page.locator("#standing")).to_have_text("Cancelled.")

    page.goto("/jobs")
    seen = []
    for _ in range(10):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.textContent.trim()"))
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid", seen
    assert seen[:5] == ["Skip to the content", "Frontier", "Prompt", "Jobs", "Status"]
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/jobs/job_\w+$"))


def test_the_page_of_a_job_that_runs_follows_it_to_its_end(page: Page, up: UpProcess) -> None:
    job_id = submit(up, "Follow me", tokens=160)
    page.goto(f"/jobs/{job_id}")
    has_tokens(page, 3)
    expect(page.locator(".heading .state")).to_have_text("succeeded")

    assert page.locator("#output").text_content() == up.client.with_text(up.client.job(job_id)).text


def test_a_job_is_cancelled_and_requeued_on_its_page(page: Page, up: UpProcess) -> None:
    job_id = submit(up, "Stop me", tokens=4000)
    page.goto(f"/jobs/{job_id}")
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".heading .state")).to_have_text("cancelled")
    page.get_by_role("button", name="Requeue").click()

    expect(page.get_by_role("link", name=job_id)).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".heading .state")).to_have_text("cancelled")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_can_be_read_in_the_light_and_in_the_dark(
    browser: Browser, url: str, session: Path, up: UpProcess, scheme: str
) -> None:
    job_id = submit(up, "Once", tokens=4)
    assert ended(up, job_id) == "succeeded"
    with watched_page(browser, url, session, color_scheme=scheme) as page:
        for path in ("/", "/jobs", f"/jobs/{job_id}", "/status", "/jobs/none", "/login"):
            page.goto(path)
            assert page.evaluate(CONTRAST) == [], path
            [red, *_] = re.findall(r"\d+", page.evaluate("getComputedStyle(document.body).backgroundColor"))
            assert (int(red) < 128) is (scheme == "dark"), path


def test_a_narrow_screen_shows_all_of_every_page_whatever_was_written(
    browser: Browser, url: str, session: Path, up: UpProcess
) -> None:
    job_id = submit(up, NASTY, tokens=4, metadata={"w" * 64: NASTY})
    assert ended(up, job_id) == "succeeded"
    with watched_page(browser, url, session, viewport={"width": 360, "height": 740}) as page:
        for path in ("/", "/jobs", f"/jobs/{job_id}", "/status", "/jobs/none", "/login"):
            page.goto(path)
            assert page.evaluate("document.documentElement.scrollWidth") <= 360, path
            expect(page.locator("b")).to_have_count(0)


def test_without_scripts_a_prompt_leads_to_its_job(browser: Browser, url: str, session: Path) -> None:
    with watched_page(browser, url, session, java_script_enabled=False) as page:
        page.goto("/")
        run(page, "Without scripts", tokens=2)
        expect(page).to_have_url(re.compile(r"/jobs/job_\w+$"))
        expect(page.locator("main")).to_contain_text("Without scripts")


def test_what_is_refused_is_said_in_words(page: Page) -> None:
    page.locator("#max_tokens").evaluate("field => field.removeAttribute('max')")
    run(page, "Too much", tokens=5000)
    expect(page.locator("#problem")).to_contain_text("echo generates at most 4000 tokens")

    page.context.clear_cookies()
    run(page, "Nobody", tokens=5)
    expect(page.locator("#problem").get_by_role("link", name="Log in")).to_be_visible()


def test_the_status_draws_what_goes_on(page: Page, up: UpProcess) -> None:
    waiting = [submit(up, f"Slot {number}", tokens=4000) for number in range(3 * SLOTS)]
    page.goto("/status")
    row = page.locator("#models tr", has_text="echo")
    expect(row.get_by_role("img", name=re.compile(r"^\d+ standard$"))).to_be_visible()
    expect(page.locator("#histograms figure")).to_have_count(4)
    expect(page.locator("#circuit-rows")).to_contain_text("model:echo")

    for job_id in waiting:
        up.client.cancel(job_id)
    expect(row).to_contain_text(f"0 on {SLOTS} slots")
    expect(page.locator("#job-chart path")).to_have_count(2)
    page.wait_for_function("Number(document.getElementById('job-rate').textContent) > 0")


def test_who_is_logged_out_is_told_so_by_the_status(page: Page) -> None:
    page.goto("/status")
    expect(page.locator("#as-of")).to_contain_text("As of")
    page.context.clear_cookies()
    expect(page.locator("#problem").get_by_role("link", name="Log in")).to_be_visible()


def test_a_link_with_somebodys_key_logs_nobody_in(browser: Browser, url: str, session: Path, up: UpProcess) -> None:
    del session
    with watched_page(browser, url) as page:
        page.goto(f"/login#{paths.read_token(up.data_dir)}")
        expect(page.get_by_label("API key")).to_be_focused()
        assert page.evaluate("location.hash") == ""
        assert page.get_by_label("API key").input_value() == ""
        page.get_by_label("API key").fill("nonsense")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("This is no key")
