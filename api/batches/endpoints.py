"""What the lines of a batch may ask for: the interfaces that they speak, each by the schema of its own route."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from marshmallow import ValidationError

from api.asked_job import Submission
from api.chat_document import chat_document
from api.chat_schema import ChatCompletionRequestSchema
from api.completion_document import completion_document
from api.completion_schema import CompletionRequestSchema
from api.embedding_document import embeddings_document
from api.embedding_schema import EmbeddingCall, EmbeddingRequestSchema
from api.errors import Names
from api.openai_fields import Fault, OpenAISchema
from api.openai_generation import TextCall
from api.response_document import response_document
from api.response_request import NAMES, ResponseRequest
from api.response_schema import ResponseSchema
from jobs.job import Job
from jobs.token_run import TokenRun

BASE64 = "base64"
"""The member of `Job.asked` that says in which form the vectors of a line are told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineCall:
    """What the body of a line asks for; `names` are the client's for the members of the job."""

    submission: Submission
    names: Names


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One interface, by the path of its route.

    `read` makes a call of a body, or raises marshmallow's ValidationError. `answer` is what the route would have
    answered with a job that has succeeded and its tokens, which are needed for log probabilities alone.
    """

    path: str
    id_kind: str
    read: Callable[[dict[str, Any]], LineCall]
    answer: Callable[[Job, TokenRun], dict[str, Any]]


def _no(name: str, message: str) -> ValidationError:
    return ValidationError({name: [Fault(message, "unsupported_value")]})


def _reader_of_texts(schema: OpenAISchema) -> Callable[[dict[str, Any]], LineCall]:
    def read(body: dict[str, Any]) -> LineCall:
        call: TextCall = schema.load(body)
        if call.is_streamed:
            raise _no("stream", "Must be false: a line has one answer.")
        return LineCall(submission=call.submission, names=call.names)

    return read


def _reader_of_embeddings(schema: OpenAISchema) -> Callable[[dict[str, Any]], LineCall]:
    def read(body: dict[str, Any]) -> LineCall:
        call: EmbeddingCall = schema.load(body)
        asked = {BASE64: True} if call.is_base64 else {}
        return LineCall(submission=replace(call.submission, asked=asked), names=call.names)

    return read


def _reader_of_responses(schema: OpenAISchema) -> Callable[[dict[str, Any]], LineCall]:
    def read(body: dict[str, Any]) -> LineCall:
        request: ResponseRequest = schema.load(body)
        if request.is_streamed:
            raise _no("stream", "Must be false: a line has one answer.")
        if request.asked.background:
            raise _no("background", "Must be false: nobody waits for a line anyway.")
        if request.asked.previous_response_id is not None:
            raise _no("previous_response_id", "Is not for lines: give the conversation in input.")
        if body.get("store"):
            raise _no("store", "Must be false: the response of a line stands in the output of its batch alone.")
        submission = replace(request, asked=replace(request.asked, store=False)).submission()
        return LineCall(submission=submission, names=NAMES)

    return read


ENDPOINTS: Mapping[str, Endpoint] = {
    endpoint.path: endpoint
    for endpoint in (
        Endpoint(
            path="/v1/chat/completions",
            id_kind="job",
            read=_reader_of_texts(ChatCompletionRequestSchema()),
            answer=lambda job, tokens: chat_document(job, tokens.logprobs),
        ),
        Endpoint(
            path="/v1/completions",
            id_kind="job",
            read=_reader_of_texts(CompletionRequestSchema()),
            answer=completion_document,
        ),
        Endpoint(
            path="/v1/responses",
            id_kind="resp",
            read=_reader_of_responses(ResponseSchema()),
            answer=lambda job, tokens: response_document(job, tokens.logprobs),
        ),
        Endpoint(
            path="/v1/embeddings",
            id_kind="job",
            read=_reader_of_embeddings(EmbeddingRequestSchema()),
            answer=lambda job, _tokens: embeddings_document(job, is_base64=bool(job.asked.get(BASE64))),
        ),
    )
}
"""By path, in the order in which they are told."""
