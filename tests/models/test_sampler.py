from __future__ import annotations

import math
from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.sampler import WINDOW, Draw, sample
from models.uniform import uniform

LOGITS = st.lists(st.integers(-40, 40).map(lambda step: step / 4), min_size=1, max_size=12)


def expected_weights(logits: list[float], draw: Draw) -> dict[int, float]:
    """What top_k and then top_p leave, straight from their definitions; lower ids first among equals."""
    highest = max(logits)
    weights = {token: math.exp((logit - highest) / draw.temperature) for token, logit in enumerate(logits)}
    ranked = sorted(weights, key=lambda token: (-weights[token], token))
    ranked = ranked[: draw.top_k or len(ranked)]
    total = sum(weights[token] for token in ranked)
    kept: dict[int, float] = {}
    for token in ranked:
        if draw.top_p < 1 and kept and sum(kept.values()) >= draw.top_p * total - 1e-9 * total:
            break
        kept[token] = weights[token]
    return kept


@settings(max_examples=300, deadline=None)
@given(
    LOGITS,
    st.sampled_from([0.3, 1.0, 2.5]),
    st.sampled_from([0.1, 0.55, 0.9, 0.999, 1.0]),
    st.integers(0, 14),
    st.floats(0.001, 0.999),
)
def test_a_draw_follows_the_definition_of_top_k_and_top_p(
    logits: list[float], temperature: float, top_p: float, top_k: int, point: float
) -> None:
    draw = Draw(temperature=temperature, top_p=top_p, top_k=top_k, uniform=point)
    kept = expected_weights(logits, draw)

    token = sample(torch.tensor([logits]), [draw])[0]

    assert token in kept
    below = sum(weight for other, weight in kept.items() if other < token) / sum(kept.values())
    above = below + kept[token] / sum(kept.values())
    assert below - 1e-4 <= point <= above + 1e-4


@pytest.mark.parametrize("top_p", [0.2, 0.95])
def test_a_nucleus_wider_than_the_window_is_not_cut_to_it(top_p: float) -> None:
    vocabulary = 40 * WINDOW
    logits = torch.linspace(0, 0.001, vocabulary).flip(0)[torch.randperm(vocabulary, generator=torch.manual_seed(1))]
    draws = [Draw(temperature=1.0, top_p=top_p, top_k=0, uniform=number / 500) for number in range(500)]

    tokens = sample(logits.expand(len(draws), -1), draws)

    likeliest = set(logits.topk(round(top_p * vocabulary) + 2).indices.tolist())
    assert set(tokens) <= likeliest
    assert len(set(tokens)) == len(draws)


def test_shares_of_the_tokens_drawn_are_their_probabilities() -> None:
    logits = torch.tensor([0.5, 0.25, 0.125, 0.125]).log()
    draws = [Draw(temperature=1.0, top_p=1.0, top_k=0, uniform=uniform(9, index)) for index in range(8000)]

    counts = Counter(sample(logits.expand(len(draws), -1), draws))

    for token, share in enumerate([0.5, 0.25, 0.125, 0.125]):
        assert counts[token] / len(draws) == pytest.approx(share, abs=0.02)


def test_rows_are_drawn_as_if_each_were_alone() -> None:
    generator = torch.manual_seed(3)
    logits = torch.randn(40, 700, generator=generator)
    draws = [
        Draw(
            temperature=[0.0, 0.5, 1.0, 8.0][row % 4],
            top_p=[1.0, 0.9, 0.3][row % 3],
            top_k=[0, 5, 300, 9999][row % 5 % 4],
            uniform=uniform(row, row),
        )
        for row in range(40)
    ]

    assert sample(logits, draws) == [sample(logits[row : row + 1], [draw])[0] for row, draw in enumerate(draws)]


@pytest.mark.parametrize("temperature", [0.0, 1e-300, 1e-6, 2e-5, 1.0, 1e30])
@pytest.mark.parametrize("point", [0.0, 1 - 2**-48])
def test_extreme_settings_still_give_a_token(temperature: float, point: float) -> None:
    logits = torch.tensor([[-torch.inf, 3e38, -3e38, 3e38, 0.0]])

    for top_p, top_k in ((1.0, 0), (1e-9, 0), (1.0, 1), (0.5, 3)):
        token = sample(logits, [Draw(temperature=temperature, top_p=top_p, top_k=top_k, uniform=point)])[0]

        assert token in ({1, 3} if temperature < 1 else {1, 2, 3, 4})


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_a_row_without_finite_scores_gets_no_token_and_spoils_no_other(bad: float) -> None:
    logits = torch.tensor([[0.0, 1.0], [0.0, bad], [5.0, 1.0]])
    draw = Draw(temperature=0.01, top_p=0.9, top_k=0, uniform=0.5)

    assert sample(logits, [draw] * 3) == [1, None, 0]
    assert sample(logits.half(), [Draw(temperature=0.0, top_p=1.0, top_k=0, uniform=0.5)] * 3) == [1, None, 0]


@given(st.integers(-(2**70), 2**70), st.integers(0, 10**7))
def test_the_random_number_of_a_token_depends_on_seed_and_index_alone(seed: int, index: int) -> None:
    assert 0 <= uniform(seed, index) < 1
    assert uniform(seed, index) == uniform(seed, index)
    assert uniform(seed, index) != uniform(seed, index + 1)


def test_random_numbers_are_the_same_in_every_version() -> None:
    assert [uniform(seed, index) for seed, index in ((0, 0), (0, 1), (1, 0))] == [
        0.037766829694195536,
        0.7705051795570945,
        0.8786094830077786,
    ]
