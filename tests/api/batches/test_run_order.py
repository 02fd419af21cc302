from __future__ import annotations

from itertools import groupby

from hypothesis import given
from hypothesis import strategies as st

from api.batches.run_order import PLACE, LinePlace, RunOrder, prefix_key, unpacked
from jobs.request import InferenceRequest, Message, RequestType

BEGINNINGS = ["", "Be brief. ", "You are a poet. " * 20, "You are a poet. " * 20 + "You are a king. " * 20]


def chat(system: str, question: str) -> InferenceRequest:
    turns = (Message("system", system), Message("user", question))
    return InferenceRequest(model="poet", type=RequestType.CHAT_COMPLETION, messages=turns)


def ordered(requests: list[InferenceRequest]) -> list[int]:
    order = RunOrder()
    for number, request in enumerate(requests, start=1):
        order.add(LinePlace(offset=number * 100, length=99, number=number), request)
    return [place.number for place in unpacked(b"".join(order.packed()))]


@given(st.lists(st.tuples(st.sampled_from(BEGINNINGS), st.text("ab", max_size=3)), min_size=1, max_size=30))
def test_lines_with_a_common_beginning_are_neighbours(asked: list[tuple[str, str]]) -> None:
    numbers = ordered([chat(system, question) for system, question in asked])

    assert sorted(numbers) == list(range(1, len(asked) + 1))
    runs = [system for system, _ in groupby(asked[number - 1][0] for number in numbers)]
    assert len(runs) == len(set(runs))


def test_prompts_that_part_late_stand_together_as_far_as_they_agree() -> None:
    long = "You are a poet. " * 100
    prompts = [long + "a" * 300 + "1", "x", long + "b" * 300 + "1", "y", long + "a" * 300 + "2", long + "b" * 300 + "2"]
    requests = [InferenceRequest(model="poet", type=RequestType.COMPLETION, prompt=prompt) for prompt in prompts]

    numbers = ordered(requests)

    assert abs(numbers.index(1) - numbers.index(5)) == 1
    assert abs(numbers.index(3) - numbers.index(6)) == 1
    assert abs(numbers.index(2) - numbers.index(4)) == 1


def test_equal_lines_stay_in_the_order_of_the_file() -> None:
    assert ordered([chat("a", "b")] * 5) == [1, 2, 3, 4, 5]


def test_embeddings_stay_in_the_order_of_the_file() -> None:
    request = InferenceRequest(model="encoder", type=RequestType.EMBEDDING, inputs=("z",))
    other = InferenceRequest(model="encoder", type=RequestType.EMBEDDING, inputs=("a",))

    assert ordered([request, other]) == [1, 2]


def test_what_is_kept_of_a_prompt_is_bounded() -> None:
    request = InferenceRequest(model="poet", type=RequestType.COMPLETION, prompt="\u20ac" * 1_000_000)

    assert len(prefix_key(request)) < 1000


def test_a_slice_of_an_order_is_read_alone() -> None:
    places = [LinePlace(offset=2**40 + number, length=number, number=number) for number in range(1, 10)]
    packed = b"".join(PLACE.pack(place.offset, place.length, place.number) for place in places)

    assert unpacked(packed[3 * PLACE.size : 5 * PLACE.size]) == places[3:5]
