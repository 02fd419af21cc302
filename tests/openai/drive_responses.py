"""OpenAI's own client at `/v1/responses`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Any

import openai
from openai import AsyncOpenAI, OpenAI

from tests.openai.raised import raised

PROMPT = "To be, or not to be, that is the question"
LONG = 400
WAIT_SECONDS = 120.0


def check_a_response_is_created(client: OpenAI, model: str) -> None:
    made = client.responses.create(
        model=model, input=PROMPT, instructions="Go on.", max_output_tokens=8, metadata={"order": "42"}
    )
    assert made.id.startswith("resp_")
    assert made.status in {"completed", "incomplete"}
    assert made.output_text
    assert made.usage is not None
    assert made.usage.output_tokens <= 8
    assert (made.instructions, made.metadata) == ("Go on.", {"order": "42"})
    assert client.responses.retrieve(made.id).model_dump() == made.model_dump()


def check_its_output_can_be_fed_back(client: OpenAI, model: str) -> None:
    first = client.responses.create(model=model, input=PROMPT, max_output_tokens=4)
    items: Any = [{"role": "user", "content": PROMPT}, *(item.model_dump() for item in first.output)]
    second = client.responses.create(
        model=model, input=[*items, {"role": "user", "content": "And then?"}], max_output_tokens=4
    )
    third = client.responses.create(
        model=model, input="And then?", previous_response_id=first.id, max_output_tokens=4, temperature=0
    )
    assert second.output_text
    assert third.previous_response_id == first.id


def check_a_background_response_is_polled(client: OpenAI, model: str) -> None:
    made = client.responses.create(model=model, input=PROMPT, background=True, max_output_tokens=8)
    assert made.status in {"queued", "in_progress"}
    done = polled(client, made.id)
    assert done.status in {"completed", "incomplete"}
    assert done.output_text
    assert done.background is True


def check_a_background_response_is_cancelled(client: OpenAI, model: str) -> None:
    made = background(client, model)
    cancelled = client.responses.cancel(made.id)
    assert polled(client, made.id).status == "cancelled"
    assert client.responses.cancel(made.id).status == "cancelled"
    assert cancelled.id == made.id


def check_a_stream_is_told_in_order(client: OpenAI, model: str) -> None:
    events = list(client.responses.create(model=model, input=PROMPT, stream=True, max_output_tokens=8))
    told_in_order([event.type for event in events], is_background=False)
    assert numbers(events) == list(range(len(events)))
    last: Any = events[-1]
    deltas: list[Any] = [event for event in events if event.type == "response.output_text.delta"]
    assert "".join(event.delta for event in deltas) == last.response.output_text
    assert list(client.responses.retrieve(last.response.id, stream=True)) == events


def check_an_async_client_streams(client: OpenAI, model: str) -> None:
    async def events() -> list[Any]:
        async with AsyncOpenAI(
            base_url=client.base_url, api_key=client.api_key, _strict_response_validation=True
        ) as other:
            stream = await other.responses.create(model=model, input=PROMPT, stream=True, max_output_tokens=4)
            return [event async for event in stream]

    told_in_order([event.type for event in asyncio.run(events())], is_background=False)


def check_a_cut_stream_is_resumed(client: OpenAI, model: str) -> None:
    with client.responses.create(
        model=model, input=PROMPT, background=True, stream=True, max_output_tokens=LONG, extra_body={"ignore_eos": True}
    ) as stream:
        had = [next(stream) for _ in range(12)]
    created: Any = had[0]
    response_id = created.response.id
    while had[-1].type not in {"response.completed", "response.incomplete", "response.failed"}:
        with client.responses.retrieve(response_id, stream=True, starting_after=numbers(had)[-1]) as stream:
            had += [event for event, _ in zip(stream, range(150), strict=False)]
    assert numbers(had) == list(range(len(had)))
    assert list(client.responses.retrieve(response_id, stream=True)) == had
    told_in_order([event.type for event in had], is_background=True)
    assert list(client.responses.retrieve(response_id, stream=True, starting_after=numbers(had)[-1])) == []


def check_the_stream_helper_resumes(client: OpenAI, model: str) -> None:
    made = client.responses.create(model=model, input=PROMPT, background=True, max_output_tokens=8)
    after = 4
    with client.responses.stream(response_id=made.id, starting_after=after) as stream:
        events: list[Any] = list(stream)
    assert numbers(events) == list(range(after + 1, after + 1 + len(events)))
    with client.responses.stream(model=model, input=PROMPT, max_output_tokens=8) as stream:
        events = list(stream)
    assert numbers(events) == list(range(len(events)))


def check_a_cancelled_stream_ends(client: OpenAI, model: str) -> None:
    made = background(client, model)
    events: list[Any] = []
    for event in client.responses.retrieve(made.id, stream=True):
        events.append(event)
        if event.type == "response.output_text.delta" and len(events) < 8:
            client.responses.cancel(made.id)
    assert events[-1].type == "response.incomplete"
    assert events[-1].response.status == "cancelled"
    assert events[-1].response.output_text


def check_log_probabilities_are_told(client: OpenAI, model: str) -> None:
    made = client.responses.create(
        model=model, input=PROMPT, include=["message.output_text.logprobs"], top_logprobs=2, max_output_tokens=4
    )
    item: Any = made.output[0]
    told = item.content[0].logprobs
    assert "".join(one.token for one in told) == made.output_text
    assert all(len(one.top_logprobs) == 2 for one in told)


def check_a_response_is_deleted(client: OpenAI, model: str) -> None:
    made = client.responses.create(model=model, input=PROMPT, max_output_tokens=2)
    client.responses.delete(made.id)
    raised(openai.NotFoundError, lambda: client.responses.retrieve(made.id))
    running = background(client, model)
    assert raised(openai.ConflictError, lambda: client.responses.delete(running.id)).code == "job_not_final"
    client.responses.cancel(running.id)


def check_what_is_not_stored_cannot_be_retrieved(client: OpenAI, model: str) -> None:
    made = client.responses.create(model=model, input=PROMPT, store=False, max_output_tokens=2)
    assert made.output_text
    raised(openai.NotFoundError, lambda: client.responses.retrieve(made.id))


def check_refusals_name_the_field(client: OpenAI, model: str) -> None:
    def asking(**given: Any) -> Callable[[], object]:
        return lambda: client.responses.create(**{"model": model, "input": PROMPT, **given})

    cases: dict[str, dict[str, Any]] = {
        "background": {"background": True, "store": False},
        "reasoning": {"reasoning": {"effort": "low"}},
        "tools": {"tools": [{"type": "web_search"}]},
        "text.format.type": {"text": {"format": {"type": "json_object"}}},
        "temperature": {"temperature": 3},
        "previous_response_id": {"previous_response_id": "resp_0"},
        "surprise": {"extra_body": {"surprise": 1}},
    }
    for field, given in cases.items():
        error = raised(openai.BadRequestError, asking(**given))
        assert error.param == field, (error.param, field)
        assert error.request_id
    assert raised(openai.NotFoundError, asking(model="nobody")).code == "model_not_found"
    unknown = "resp_" + "0" * 22
    for call in (client.responses.retrieve, client.responses.cancel, client.responses.delete):
        raised(openai.NotFoundError, lambda call=call: call(unknown))  # type: ignore[misc]


def background(client: OpenAI, model: str) -> Any:
    """A response that does not end by itself so soon."""
    return client.responses.create(
        model=model, input=PROMPT, background=True, max_output_tokens=LONG, extra_body={"ignore_eos": True}
    )


def polled(client: OpenAI, response_id: str) -> Any:
    """The response once it is final."""
    until = time.monotonic() + WAIT_SECONDS
    while (found := client.responses.retrieve(response_id)).status in {"queued", "in_progress"}:
        assert time.monotonic() < until, found.status
        time.sleep(0.05)
    return found


def numbers(events: Iterable[Any]) -> list[int]:
    return [event.sequence_number for event in events]


def told_in_order(types: list[str], *, is_background: bool) -> None:
    begin = ["created", "queued", "in_progress"] if is_background else ["created", "in_progress"]
    begin += ["output_item.added", "content_part.added"]
    ends = [["output_text.done", "content_part.done", "output_item.done", end] for end in ("completed", "incomplete")]
    names = [kind.removeprefix("response.") for kind in types]
    assert names[: len(begin)] == begin, names
    assert names[-4:] in ends, names
    assert set(names[len(begin) : -4]) == {"output_text.delta"}, names
