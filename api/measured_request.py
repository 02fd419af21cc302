"""What a client asks for, measured against the model: whether it does such things, and so much of them."""

from __future__ import annotations

from collections.abc import Callable

from api.asked_job import Submission
from api.errors import InvalidRequest
from api.model_lookup import find_model
from jobs.request import InferenceRequest, RequestType, SamplingParams
from models.catalog import Catalog, ModelConfig


def model_of(submission: Submission, catalog: Catalog) -> ModelConfig:
    """The model that is to do it. Raises UnknownModel, or InvalidRequest for one that does other things."""
    model = catalog.default if submission.model is None else find_model(catalog, submission.model)
    if model.embeds is not (submission.type is RequestType.EMBEDDING):
        does = "embeds texts and makes none" if model.embeds else "makes texts and embeds none"
        raise InvalidRequest.of("model", f"{model.name} {does}")
    return model


def measured_request(submission: Submission, model: ModelConfig, *, draw_seed: Callable[[], int]) -> InferenceRequest:
    """The request with all that the client left open; raises InvalidRequest for more than the model's limits."""
    characters = len(submission.prompt) + sum(len(message.content) for message in submission.messages)
    if characters > model.limits.max_prompt_chars:
        raise InvalidRequest.of(
            submission.prompt_field,
            f"has {characters} characters; {model.name} accepts {model.limits.max_prompt_chars}",
        )
    _check_inputs(submission, model)
    return InferenceRequest(
        model=model.name,
        type=submission.type,
        prompt=submission.prompt,
        messages=submission.messages,
        inputs=submission.inputs,
        params=_params(submission, model, draw_seed),
    )


def _check_inputs(submission: Submission, model: ModelConfig) -> None:
    limits, field_name = model.limits, submission.prompt_field
    if len(submission.inputs) > limits.max_inputs:
        raise InvalidRequest.of(
            field_name, f"holds {len(submission.inputs)} inputs; {model.name} accepts {limits.max_inputs} in one job"
        )
    for index, given in enumerate(submission.inputs):
        if len(given) > limits.max_prompt_chars:
            what = "characters" if isinstance(given, str) else "tokens"
            raise InvalidRequest.of(
                f"{field_name}[{index}]", f"has {len(given)} {what}; {model.name} accepts {limits.max_prompt_chars}"
            )


def _params(submission: Submission, model: ModelConfig, draw_seed: Callable[[], int]) -> SamplingParams:
    params = dict(submission.params)
    limit = model.limits.max_tokens
    default = limit if submission.default_max_tokens is None else min(submission.default_max_tokens, limit)
    if params.setdefault("max_tokens", default) > limit:
        raise InvalidRequest.of(
            f"{submission.params_prefix}max_tokens",
            f"is {params['max_tokens']}; {model.name} generates at most {limit} tokens",
        )
    params.setdefault("seed", draw_seed())
    return SamplingParams(**params)
