"""What the pages show, to whom, and what their buttons do without scripts."""

from __future__ import annotations

import re
from typing import Any

import pytest

from api.blueprint import ANY_KEY, NO_KEY
from api.console.pages import NAME, needed
from api.process import ApiProcess
from jobs.access.api_key import Scope
from tests.api.conftest import RECEIVER, Api, Sender, Worker
from tests.api.console.visitor import Visitor

ROUTES = {
    ("GET", "/"): ANY_KEY,
    ("POST", "/"): Scope.JOBS_WRITE,
    ("GET", "/console/<name>"): NO_KEY,
    ("GET", "/jobs"): Scope.JOBS_READ,
    ("GET", "/jobs/<job_id>"): Scope.JOBS_READ,
    ("POST", "/jobs/<job_id>/cancel"): Scope.JOBS_WRITE,
    ("POST", "/jobs/<job_id>/requeue"): Scope.JOBS_WRITE,
    ("GET", "/login"): NO_KEY,
    ("POST", "/login"): NO_KEY,
    ("POST", "/logout"): ANY_KEY,
    ("GET", "/status"): Scope.JOBS_READ,
    ("GET", "/status/now.json"): Scope.JOBS_READ,
    ("GET", "/status/lately.json"): Scope.JOBS_READ,
}
NASTY = '<script>alert(1)</script> "quoted" & שלום 你好 ' + "w" * 300


def routes(process: ApiProcess) -> dict[tuple[str, str], Any]:
    return {
        (method, rule.rule): needed(process.view_functions[rule.endpoint])
        for rule in process.url_map.iter_rules()
        if rule.endpoint.startswith(f"{NAME}.")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }


def test_every_page_says_what_it_needs(process: ApiProcess) -> None:
    assert routes(process) == ROUTES


@pytest.mark.parametrize(("method", "path"), [route for route, scope in ROUTES.items() if isinstance(scope, Scope)])
def test_without_its_scope_a_page_says_which_is_missing(api: Api, stranger: Visitor, method: str, path: str) -> None:
    scope = ROUTES[method, path]
    stranger.log_in(api.of("acme", *(other for other in Scope if other != scope)).key)
    path = path.replace("<job_id>", api.submit())
    answer = stranger.get(path) if method == "GET" else stranger.press(path, prompt="Hark!", model="poet")

    assert answer.status_code == 403
    assert f"scope {scope}" in answer.text
    assert answer.is_json is path.endswith(".json")


@pytest.mark.parametrize(
    "path", ["/login", "/", "/jobs", "/status", "/jobs/unknown", "/console/console.css", "/console/none"]
)
def test_every_page_tells_browsers_to_load_and_run_nothing_else(visitor: Visitor, path: str) -> None:
    answer = visitor.get(path)
    policy = dict(part.strip().partition(" ")[::2] for part in answer.headers["Content-Security-Policy"].split(";"))

    assert policy["default-src"] == "'none'"
    assert (policy["script-src"], policy["style-src"], policy["connect-src"]) == ("'self'",) * 3
    assert (policy["frame-ancestors"], policy["base-uri"], policy["form-action"]) == ("'none'", "'none'", "'self'")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == ("no-cache" if path.endswith(".css") else "no-store")
    if answer.mimetype == "text/html":
        assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son\w+=|javascript:|https?://", answer.text)


def test_what_the_pages_load_is_there_and_is_not_sent_twice(stranger: Visitor) -> None:
    names = re.findall(r'(?:href|src)="(/console/[^"]+)"', stranger.get("/login").text)
    assert {name.rpartition(".")[2] for name in names} == {"css", "js"}
    for name in names:
        first = stranger.get(name)
        assert first.status_code == 200
        assert stranger.get(name, If_None_Match=first.headers["ETag"]).status_code == 304


def test_a_newcomer_is_shown_a_prompt_and_that_there_are_no_jobs(visitor: Visitor) -> None:
    page = visitor.get("/").text

    assert 'name="prompt"' in page
    assert "poet" in page
    assert "There are none yet." in page


def test_a_prompt_becomes_a_job_without_scripts(api: Api, visitor: Visitor) -> None:
    answer = visitor.press("/", prompt="Hark!\r\nWho?", model="poet", max_tokens="7", temperature="0.5")
    [job] = api.get("/v1/jobs").json["data"]

    assert (answer.status_code, answer.location) == (303, f"/jobs/{job['id']}")
    assert (job["priority"], job["progress"]["max_tokens"]) == ("interactive", 7)
    assert "Hark!\nWho?" in visitor.get(answer.location).text


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"prompt": ""}, "input.prompt: Must not be empty."),
        ({"max_tokens": "many"}, "params.max_tokens"),
        ({"max_tokens": "1000"}, "poet generates at most 100 tokens"),
        ({"prompt": "x" * 51}, "has 51 characters; poet accepts 50"),
        ({"model": "nobody"}, "nobody"),
        ({"temperature": "nan"}, "params.temperature"),
    ],
)
def test_what_is_wrong_with_a_prompt_is_said_in_words(visitor: Visitor, form: dict[str, str], words: str) -> None:
    answer = visitor.press("/", **{"prompt": "Hark!", "model": "poet", **form})

    assert answer.status_code in {404, 422}
    assert words in answer.text
    assert answer.mimetype == "text/html"


def test_what_people_and_models_have_written_is_text(api: Api, worker: Worker, visitor: Visitor) -> None:
    job_id = api.submit(model="clerk", prompt=NASTY, metadata={NASTY[:60]: NASTY})
    worker.run(job_id, NASTY, model="clerk")

    for path in ("/", "/jobs", f"/jobs/{job_id}"):
        page = visitor.get(path).text
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
        assert "שלום 你好" in page


def test_jobs_are_listed_by_state_and_page_by_page(api: Api, worker: Worker, visitor: Visitor) -> None:
    ids = [api.submit(prompt=f"Prompt {number}") for number in range(3)]
    worker.run(ids[0])
    listed = visitor.get("/jobs?status=queued&limit=1").text
    assert "Prompt 2" in listed
    assert "Prompt 1" not in listed

    [older] = re.findall(r'href="(/jobs\?[^"]+)" rel="next"', listed)
    following = visitor.get(older.replace("&amp;", "&")).text

    assert "Prompt 1" in following
    assert 'rel="next"' not in following
    assert "Prompt 0" in visitor.get("/jobs?status=succeeded").text
    assert "No job is like that." in visitor.get("/jobs?status=failed").text
    assert visitor.get("/jobs?status=nonsense").status_code == 422


def test_a_job_shows_its_timeline_its_result_and_who_was_told(
    api: Api, worker: Worker, sender: Sender, visitor: Visitor
) -> None:
    job_id = api.submit(webhook={"url": RECEIVER})
    worker.run(job_id)
    sender.send()
    page = visitor.get(f"/jobs/{job_id}").text

    steps = re.findall(r"<li><strong>([a-z ]+)</strong>", page)
    assert steps[:4] == ["accepted", "claimed", "first token", "final"] or steps[2:4] == ["final", "first token"]
    assert steps[-1] == "delivered"
    for words in ("queue wait", "TTFT", "TPOT", "time to result", "delivery lag", "Who knocks?", RECEIVER, "204"):
        assert words in page, words
    assert 'id="cancel"' not in page


def test_who_may_not_see_deliveries_is_told_so(api: Api, worker: Worker, sender: Sender, stranger: Visitor) -> None:
    acme = api.of("default", "jobs:read")
    job_id = api.submit(webhook={"url": RECEIVER})
    worker.run(job_id)
    sender.send()
    stranger.log_in(acme.key)
    page = stranger.get(f"/jobs/{job_id}").text

    assert "webhooks:manage" in page
    assert RECEIVER not in page
    assert 'id="requeue"' not in page


def test_a_job_is_cancelled_and_requeued_by_buttons(api: Api, visitor: Visitor) -> None:
    job_id = api.submit()
    assert 'id="cancel"' in visitor.get(f"/jobs/{job_id}").text
    assert visitor.press(f"/jobs/{job_id}/cancel").location == f"/jobs/{job_id}"
    assert "The job was cancelled." in visitor.get(f"/jobs/{job_id}").text

    answer = visitor.press(f"/jobs/{job_id}/requeue")

    assert answer.location != f"/jobs/{job_id}"
    assert f'href="/jobs/{job_id}"' in visitor.get(answer.location).text
    assert api.get(f"/v1/{answer.location.removeprefix('/')}").json["requeued_from"] == job_id


def test_a_job_that_failed_says_why(api: Api, worker: Worker, visitor: Visitor) -> None:
    job_id = api.submit()
    worker.give_up(job_id)

    assert "The engine failed." in visitor.get(f"/jobs/{job_id}").text


def test_another_tenants_job_is_as_one_that_does_not_exist(api: Api, stranger: Visitor) -> None:
    job_id = api.submit()
    stranger.log_in(api.of("acme").key)
    token = stranger.token

    for path in (f"/jobs/{job_id}", f"/jobs/job_{'0' * 22}"):
        assert stranger.get(path).status_code == 404
        assert "No such job" in stranger.get(path).text
        assert stranger.send(f"{path}/cancel", csrf=token).status_code == 404
        assert stranger.send(f"{path}/requeue", csrf=token).status_code == 404
    assert api.get(f"/v1/jobs/{job_id}").json["status"] == "queued"
    assert job_id not in stranger.get("/jobs").text


def test_a_page_counts_as_a_call_of_its_key(api: Api, stranger: Visitor) -> None:
    body = {"tenant": "acme", "scopes": ["jobs:read"], "limits": {"requests_per_minute": 1}}
    stranger.log_in(api.post("/v1/admin/keys", body).json["key"])
    answers = [stranger.get("/jobs") for _ in range(11)]

    assert [answer.status_code for answer in answers] == [200] * 10 + [429]
    assert "as often as it may" in answers[-1].text
    assert int(answers[-1].headers["Retry-After"]) > 0
