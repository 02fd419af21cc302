from __future__ import annotations

from models.embedding import Embedding
from models.embedding_batches import Turns, batches


def embedding(name: str, *lengths: int) -> Embedding:
    return Embedding(name, [[5] * length for length in lengths])


def test_each_request_has_its_turn_however_few_inputs_a_round_takes() -> None:
    running = [embedding(name, *[10] * 4) for name in "abc"]
    turns = Turns()

    rounds = [[taken.embedding.request_id for taken in turns.take_round(running, tokens=20)] for _ in range(3)]

    assert rounds == [["a", "b"], ["c", "a"], ["b", "c"]]


def test_who_comes_later_has_a_turn_after_those_that_wait_for_theirs_and_who_ends_has_none() -> None:
    first, second, third = (embedding(name, *[10] * 4) for name in "abc")
    turns = Turns()
    turns.take_round([first, second], tokens=10)

    later = turns.take_round([second, third], tokens=30)

    assert [taken.embedding.request_id for taken in later] == ["b", "c", "b"]


def test_a_round_takes_one_input_however_long_and_none_where_there_is_none() -> None:
    turns, long = Turns(), embedding("a", 500)

    assert len(turns.take_round([long], tokens=10)) == 1
    assert turns.take_round([long], tokens=10) == []


def test_inputs_of_like_lengths_share_a_batch_up_to_its_padded_size() -> None:
    made = batches(list(embedding("a", 5, 90, 30, 31, 4, 200).left), padded_tokens=100)

    assert [[len(taken.token_ids) for taken in batch] for batch in made] == [[200], [90], [31, 30, 5], [4]]
