from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from jobs.request import InferenceRequest, Message, RequestType, SamplingParams
from jobs.same_result import result_digest

GREEDY = InferenceRequest(
    model="m", type=RequestType.COMPLETION, prompt="To be", params=SamplingParams(temperature=0, seed=7)
)
WARM = replace(GREEDY, params=SamplingParams(temperature=0.7, seed=7))
CHAT = replace(GREEDY, type=RequestType.CHAT_COMPLETION, prompt="", messages=(Message("user", "To be"),))
VECTORS = InferenceRequest(model="m", type=RequestType.EMBEDDING, inputs=("one", (2, 3)))


def digest(request: InferenceRequest, *, salt: str = "acme", seed_is_given: bool = True) -> str | None:
    return result_digest(request, salt=salt, seed_is_given=seed_is_given)


def test_a_text_at_a_temperature_has_a_digest_only_if_its_seed_was_given() -> None:
    assert digest(WARM, seed_is_given=False) is None
    assert digest(WARM) is not None
    assert digest(WARM) != digest(replace(WARM, params=replace(WARM.params, seed=8)))


@pytest.mark.parametrize("seed_is_given", [True, False])
def test_no_seed_matters_at_temperature_0(*, seed_is_given: bool) -> None:
    other = replace(GREEDY, params=replace(GREEDY.params, seed=8))

    assert digest(other, seed_is_given=seed_is_given) == digest(GREEDY) is not None


def test_an_embedding_depends_on_its_inputs_alone() -> None:
    other = replace(VECTORS, params=SamplingParams(seed=8, max_tokens=3))

    assert digest(other, seed_is_given=False) == digest(VECTORS) is not None
    assert digest(replace(VECTORS, inputs=("one", (3, 2)))) != digest(VECTORS)
    assert digest(replace(VECTORS, inputs=("one2", (3,)))) != digest(replace(VECTORS, inputs=("one", (2, 3))))


@pytest.mark.parametrize(
    "changed",
    [
        {"max_tokens": 3},
        {"temperature": 0.1},
        {"top_p": 0.5},
        {"top_k": 3},
        {"stop": ("be",)},
        {"ignore_eos": True},
        {"logprobs": 0},
        {"logprobs": 2},
    ],
    ids=str,
)
def test_every_param_that_changes_the_result_changes_the_digest(changed: dict[str, Any]) -> None:
    assert digest(replace(GREEDY, params=replace(GREEDY.params, **changed))) != digest(GREEDY)


def test_the_model_the_type_who_said_what_and_the_salt_change_the_digest() -> None:
    others = [
        digest(replace(GREEDY, model="n")),
        digest(replace(GREEDY, prompt="To be ")),
        digest(CHAT),
        digest(replace(CHAT, messages=(Message("assistant", "To be"),))),
        digest(replace(CHAT, messages=(Message("user", "To"), Message("user", " be")))),
        digest(GREEDY, salt="globex"),
        digest(GREEDY),
    ]

    assert None not in others
    assert len(set(others)) == len(others)
