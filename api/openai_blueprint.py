"""`/v1/chat/completions`, `/v1/completions` and `/v1/embeddings`: jobs for OpenAI's clients."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import Any

from flask import Response

from api import openai_examples
from api.auth import caller
from api.blueprint import Blueprint
from api.chat_document import ChatChunks, chat_document
from api.chat_schema import ChatCompletionRequestSchema
from api.completion_document import CompletionChunks, completion_document
from api.completion_schema import CompletionRequestSchema
from api.embedding_document import embeddings_document
from api.embedding_schema import EmbeddingCall, EmbeddingRequestSchema
from api.foreground import Foreground
from api.openai_answer_schema import ChatCompletionSchema, CompletionSchema, EmbeddingListSchema
from api.openai_generation import TextCall
from api.parameters import IDEMPOTENCY_KEY, TRACEPARENT
from api.rate_class import RateClass
from api.sse import EVENT_SCHEMA
from api.text_frames import MakeChunks, text_frames
from jobs.access.api_key import Scope
from jobs.job import Job
from jobs.store import JobStore
from jobs.token_run import TokenRun

Answer = tuple[dict[str, Any], HTTPStatus, dict[str, str]]

_REFUSALS = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.CONFLICT,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
)


def openai_blueprint(*, foreground: Foreground, store: JobStore) -> Blueprint:
    """What OpenAI's clients wait for."""
    blueprint = Blueprint(
        "OpenAI",
        __name__,
        url_prefix="/v1",
        description="Chat, completions and embeddings, as OpenAI's clients call them",
    )

    @blueprint.view(
        "POST",
        "/chat/completions",
        scope=Scope.JOBS_WRITE,
        rate=RateClass.SUBMIT,
        operationId="createChatCompletion",
        parameters=_PARAMETERS,
    )
    @blueprint.takes(ChatCompletionRequestSchema, example=openai_examples.CHAT_REQUEST)
    @blueprint.answers(HTTPStatus.OK, ChatCompletionSchema, example=openai_examples.CHAT_COMPLETION)
    @blueprint.also_answers(
        HTTPStatus.OK,
        EVENT_SCHEMA,
        description="Chunks, as they come, if `stream` is true",
        content_type="text/event-stream",
        example=openai_examples.CHAT_STREAM,
    )
    @blueprint.refuses(*_REFUSALS)
    def chat(call: TextCall) -> Answer | Response:
        """Go on with a conversation.

        With `stream: true` the answer is server-sent events, which end with `[DONE]`.
        """
        if call.is_streamed:
            return stream(call, partial(ChatChunks, includes_usage=call.includes_usage))
        job, headers = foreground.result(call.submission, tenant=caller().tenant, names=call.names)
        return chat_document(job, told_tokens(job).logprobs), HTTPStatus.OK, headers

    @blueprint.view(
        "POST",
        "/completions",
        scope=Scope.JOBS_WRITE,
        rate=RateClass.SUBMIT,
        operationId="createCompletion",
        parameters=_PARAMETERS,
    )
    @blueprint.takes(CompletionRequestSchema, example=openai_examples.COMPLETION_REQUEST)
    @blueprint.answers(HTTPStatus.OK, CompletionSchema, example=openai_examples.COMPLETION)
    @blueprint.also_answers(
        HTTPStatus.OK,
        EVENT_SCHEMA,
        description="Chunks, as they come, if `stream` is true",
        content_type="text/event-stream",
        example=openai_examples.COMPLETION_STREAM,
    )
    @blueprint.refuses(*_REFUSALS)
    def complete(call: TextCall) -> Answer | Response:
        """Go on from a prompt.

        With `stream: true` the answer is server-sent events, which end with `[DONE]`.
        """
        if call.is_streamed:
            return stream(call, partial(CompletionChunks, includes_usage=call.includes_usage))
        job, headers = foreground.result(call.submission, tenant=caller().tenant, names=call.names)
        return completion_document(job, told_tokens(job)), HTTPStatus.OK, headers

    @blueprint.view(
        "POST",
        "/embeddings",
        scope=Scope.JOBS_WRITE,
        rate=RateClass.SUBMIT,
        operationId="createEmbeddings",
        parameters=_PARAMETERS,
    )
    @blueprint.takes(EmbeddingRequestSchema, example=openai_examples.EMBEDDING_REQUEST)
    @blueprint.answers(HTTPStatus.OK, EmbeddingListSchema, example=openai_examples.EMBEDDINGS)
    @blueprint.refuses(*_REFUSALS)
    def embed(call: EmbeddingCall) -> Answer:
        """Embed texts.

        The model is an encoder; the one that ships is none, so one of your own is needed.
        """
        job, headers = foreground.result(call.submission, tenant=caller().tenant, names=call.names)
        return embeddings_document(job, is_base64=call.is_base64), HTTPStatus.OK, headers

    def stream(call: TextCall, make_chunks: MakeChunks) -> Response:
        return foreground.stream(
            call.submission,
            partial(text_frames, make_chunks=make_chunks, names=call.names),
            tenant=caller().tenant,
            names=call.names,
            ends_with_reader=call.ends_with_reader,
        )

    def told_tokens(job: Job) -> TokenRun:
        """The tokens of a job whose log probabilities are to be told, else none."""
        return TokenRun() if job.request.params.logprobs is None else store.tokens(caller().tenant, job.id)

    return blueprint


_PARAMETERS = [IDEMPOTENCY_KEY, TRACEPARENT]
