"""Streams of tokens: numbered, whole, and the same again after a cut."""

from __future__ import annotations

import json

from scripts.event_stream import ServerEvent
from scripts.test_api.answer import expect
from scripts.test_api.check import case
from scripts.test_api.system import LONG_TOKENS, PROMPT, TOKENS, System

CUT_AFTER = 3
FOLLOW = "GET /v1/jobs/{id}/events"


@case("streams", FOLLOW, "a snapshot, every token in order, the end; together they are the result")
def whole(system: System) -> None:
    job = system.succeeded
    events = system.call(FOLLOW, job.id).expect(200).events
    expect(told(system, events) == job.text, "the tokens are not the text of the job")


@case("streams", FOLLOW, "a live stream that was cut goes on with Last-Event-ID, token by token")
def resumed(system: System) -> None:
    job_id = system.submitted(LONG_TOKENS, ignore_eos=True)
    before = system.call(FOLLOW, job_id, stop_after=CUT_AFTER).expect(200).events
    had = tokens_of(before)
    last = {"Last-Event-ID": str(len(had) - 1)}
    after = system.call(FOLLOW, job_id, headers=last).expect(200).events
    text = "".join(had) + told(system, after, after=len(had) - 1)
    expect(text == system.ended(job_id).text, "a token is missing or comes twice")
    expect(told(system, system.call(FOLLOW, job_id).expect(200).events) == text, "a replay tells another text")


@case("streams", FOLLOW, "?after= goes on as the header does")
def after(system: System) -> None:
    events = system.call(FOLLOW, system.succeeded.id, query={"after": "0"}).expect(200).events
    text = told(system, events, after=0)
    expect((system.succeeded.text or "").endswith(text), "another text than the end of the result")


@case("streams", FOLLOW, "204 for a reader that has the end; 400 for an id that is none")
def at_the_end(system: System) -> None:
    count = int(system.succeeded.member("usage")["completion_tokens"])
    system.call(FOLLOW, system.succeeded.id, headers={"Last-Event-ID": "x"}).refuses(400, "invalid-header")
    events = system.call(FOLLOW, system.succeeded.id).expect(200).events
    last = events[-1].id or str(count)
    system.call(FOLLOW, system.succeeded.id, headers={"Last-Event-ID": last}).expect(204)


@case("streams", "POST /v1/infer", "stream: true answers with the same events")
def infer(system: System) -> None:
    body = {"model": system.model, "prompt": PROMPT, "max_tokens": TOKENS, "stream": True}
    events = system.call("POST /v1/infer", json=body).expect(200).events
    text = told(system, events)
    expect(text == system.ended(job_of(events)).text, "the tokens are not the result")


def told(system: System, events: list[ServerEvent], *, after: int = -1) -> str:
    """The text of a whole stream behind the token *after*; raises Unmet unless it is as documented.

    Where the server has ended *events* early, as it may once it has told something, it is asked for the rest.
    """
    expect(bool(events) and events[0].name == "snapshot", "the first event is no snapshot")
    expect(events[0].id == str(after), f"the snapshot has the id {events[0].id}, not {after}")
    pieces = tokens_of(events, first=after + 1)
    end = after + 1 + len(pieces)
    if pieces and events[-1].name != "final":
        last = {"Last-Event-ID": str(end - 1)}
        rest = system.call(FOLLOW, job_of(events), headers=last).expect(200).events
        return "".join(pieces) + told(system, rest, after=end - 1)
    expect(events[-1].name == "final", f"the last event is {events[-1].name}, not final")
    expect(events[-1].id == str(end), f"the end has the id {events[-1].id}, not {end}")
    return "".join(pieces)


def job_of(events: list[ServerEvent]) -> str:
    """The id of the job that a stream tells of."""
    return str(json.loads(events[0].data)["id"])


def tokens_of(events: list[ServerEvent], *, first: int = 0) -> list[str]:
    """The texts of the tokens; raises Unmet unless they are numbered one by one from *first* on."""
    found = [event for event in events if event.name == "token"]
    numbers = [int(event.id or -1) for event in found]
    expect(numbers == list(range(first, first + len(found))), f"the tokens are numbered {numbers}")
    return [str(json.loads(event.data)["text"]) for event in found]


CASES = (whole, resumed, after, at_the_end, infer)
