"""OpenAI's Responses: in the foreground, streamed, in the background, and what can be done to one."""

from __future__ import annotations

import json
import time
from typing import Any

from scripts.event_stream import ServerEvent
from scripts.test_api.answer import Answer, Unmet, expect
from scripts.test_api.check import case
from scripts.test_api.system import LONG_TOKENS, PROMPT, TOKENS, System

CREATE = "POST /v1/responses"
RETRIEVE = "GET /v1/responses/{id}"
CANCEL = "POST /v1/responses/{id}/cancel"
DELETE = "DELETE /v1/responses/{id}"

COMPLETE = {"completed", "incomplete"}
FINAL = {*COMPLETE, "failed", "cancelled"}
LOOK_SECONDS = 0.1
CUT_AFTER = 3


@case("responses", CREATE, "the whole response, when it is complete")
def create(system: System) -> None:
    answer = system.call(CREATE, json=_request(system)).expect(200)
    expect(answer["object"] == "response" and answer["status"] in COMPLETE, f"its status is {answer['status']}")
    expect(bool(_text(answer.body or {})) and answer["usage"]["output_tokens"] >= 1, "it has no text, or no usage")


@case("responses", CREATE, "streamed, events numbered from 0 without a gap")
def stream(system: System) -> None:
    events = system.call(CREATE, json=_request(system) | {"stream": True}).expect(200).events
    _expect_numbers(events, first=0)
    _expect_whole_text(events)


@case("responses", RETRIEVE, "one in the background, until it is complete")
def retrieve(system: System) -> None:
    made = system.call(CREATE, json=_request(system) | {"background": True}).expect(200)
    answer = _ended(system, str(made["id"]))
    expect(answer["status"] in COMPLETE, f"its status is {answer['status']}")
    expect(answer["background"] is True, "it does not say that it was in the background")


@case("responses", RETRIEVE, "a stream that was cut goes on behind starting_after; 204 at the end")
def resume(system: System) -> None:
    asked = _request(system, LONG_TOKENS) | {"background": True, "stream": True, "ignore_eos": True}
    before = system.call(CREATE, json=asked, stop_after=CUT_AFTER).expect(200).events
    _expect_numbers(before, first=0)
    response_id = str(json.loads(before[0].data)["response"]["id"])
    last = {"stream": "true", "starting_after": str(len(before) - 1)}
    after = system.call(RETRIEVE, response_id, query=last).expect(200).events
    _expect_numbers(after, first=len(before))
    _expect_whole_text(before + after)
    replay = system.call(RETRIEVE, response_id, query={"stream": "true"}).expect(200).events
    expect([event.data for event in replay] == [event.data for event in before + after], "a replay tells other events")
    end = {"stream": "true", "starting_after": str(len(replay) - 1)}
    system.call(RETRIEVE, response_id, query=end).expect(204)


@case("responses", CANCEL, "one in the background ends as cancelled")
def cancel(system: System) -> None:
    asked = _request(system, LONG_TOKENS) | {"background": True, "ignore_eos": True}
    made = system.call(CREATE, json=asked).expect(200)
    system.call(CANCEL, str(made["id"])).expect(200)
    status = _ended(system, str(made["id"]))["status"]
    expect(status in {"cancelled", *COMPLETE}, f"its status is {status}")


@case("responses", DELETE, "gone, and then 404")
def delete(system: System) -> None:
    made = system.call(CREATE, json=_request(system)).expect(200)
    expect(system.call(DELETE, str(made["id"])).expect(200)["deleted"] is True, "it is not deleted")
    system.call(RETRIEVE, str(made["id"])).expect(404, 410)


@case("responses", CREATE, "400 for an unknown field, with param and code")
def refusal(system: System) -> None:
    answer = system.call(CREATE, json=_request(system) | {"no_such_field": 1}).expect(400).blames("no_such_field")
    expect(answer["error"]["code"] == "unknown_parameter", f"the code is {answer['error']['code']}")


def _request(system: System, tokens: int = TOKENS) -> dict[str, Any]:
    limit = min(tokens, system.model_limit)
    return {"model": system.model, "input": PROMPT, "max_output_tokens": limit, "metadata": system.mark}


def _ended(system: System, response_id: str) -> Answer:
    until = time.monotonic() + system.seconds
    while time.monotonic() < until:
        answer = system.call(RETRIEVE, response_id).expect(200)
        if answer["status"] in FINAL:
            return answer
        time.sleep(LOOK_SECONDS)
    raise Unmet(f"{response_id} was not final within {system.seconds:g} s")


def _expect_numbers(events: list[ServerEvent], *, first: int) -> None:
    numbers = [json.loads(event.data)["sequence_number"] for event in events]
    expect(numbers == list(range(first, first + len(events))), f"the events are numbered {numbers}")


def _expect_whole_text(events: list[ServerEvent]) -> None:
    last = json.loads(events[-1].data)
    expect(last["type"] in {"response.completed", "response.incomplete"}, f"the last event is {last['type']}")
    deltas = [json.loads(event.data)["delta"] for event in events if event.name == "response.output_text.delta"]
    expect("".join(deltas) == _text(last["response"]), "the deltas are not the text of the response")


def _text(response: dict[str, Any]) -> str:
    parts = [part for item in response["output"] for part in item.get("content", ())]
    return "".join(part["text"] for part in parts)


CASES = (create, stream, retrieve, resume, cancel, delete, refusal)
