from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models

from models.detokenizer import Detokenizer
from models.text_stream import TextStream
from tests.models.tiny import tiny_tokenizer

TOKENIZER = tiny_tokenizer()


def decode(token_ids: list[int]) -> str:
    text: str = TOKENIZER.backend_tokenizer.decode(token_ids, skip_special_tokens=True)
    return text


def pieces(detokenizer: Detokenizer, token_ids: list[int]) -> list[str]:
    return [*map(detokenizer.push, token_ids), detokenizer.flush()]


@given(st.lists(st.integers(0, len(TOKENIZER) - 1), max_size=60))
def test_pieces_of_any_tokens_join_to_what_all_of_them_decode_to(token_ids: list[int]) -> None:
    assert "".join(pieces(Detokenizer(decode), token_ids)) == decode(token_ids)


@given(st.text(max_size=40))
def test_no_piece_of_a_text_holds_a_broken_character(text: str) -> None:
    token_ids = TOKENIZER.backend_tokenizer.encode(text).ids

    found = pieces(Detokenizer(decode), token_ids)

    assert "".join(found) == decode(token_ids)
    assert sum(piece.count("\ufffd") for piece in found) == text.count("\ufffd")


def test_words_that_lose_their_space_at_the_start_of_a_text_keep_it_inside() -> None:
    words = {"<s>": 0, "▁to": 1, "▁be": 2, "▁": 3, "x": 4, "<0xE2>": 5, "<0x82>": 6, "<0xAC>": 7}
    backend = Tokenizer(models.BPE(vocab=words, merges=[]))
    backend.add_special_tokens(["<s>"])
    backend.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    for token_ids in ([1, 2, 1], [0, 1, 0, 2], [3, 3, 1, 3, 4], [1, 5, 6, 7, 2], [5, 6, 7], [1, 5, 6]):
        whole = backend.decode(token_ids, skip_special_tokens=True)

        found = pieces(Detokenizer(lambda ids: str(backend.decode(ids, skip_special_tokens=True))), token_ids)

        assert "".join(found) == whole


def test_decoding_a_long_text_looks_at_a_few_tokens_at_a_time() -> None:
    longest = 0

    def watched(token_ids: list[int]) -> str:
        nonlocal longest
        longest = max(longest, len(token_ids))
        return decode(token_ids)

    text = "to be 3 € or not 🙂 " * 50
    pieces(Detokenizer(watched), TOKENIZER.backend_tokenizer.encode(text).ids)

    assert longest < 12


class Letters:
    """Decodes numbers to letters."""

    def push(self, token_id: int) -> str:
        return chr(token_id)

    def flush(self) -> str:
        return ""


def streamed(text: str, stop: tuple[str, ...]) -> Iterator[str]:
    stream = TextStream(Letters(), stop)
    for number, letter in enumerate(text):
        yield stream.push(ord(letter), is_last=number == len(text) - 1)
        if stream.is_stopped:
            break
    assert stream.is_stopped == any(end in text for end in stop if end)


@settings(max_examples=300)
@given(st.text("ab", max_size=20), st.lists(st.text("ab", max_size=5), max_size=3))
def test_text_ends_before_the_first_stop_string_that_is_complete(text: str, stop: list[str]) -> None:
    complete = [(text.index(end) + len(end), text.index(end)) for end in stop if end and end in text]
    if complete:
        first_end = min(complete)[0]
        expected = text[: min(start for end, start in complete if end == first_end)]
    else:
        expected = text

    assert "".join(streamed(text, tuple(stop))) == expected


@given(st.lists(st.text("abc", min_size=1, max_size=4), max_size=6), st.lists(st.text("abc", max_size=4), max_size=3))
def test_where_a_text_stops_does_not_depend_on_how_it_is_cut_into_tokens(cut: list[str], stop: list[str]) -> None:
    class Chunks(Letters):
        def push(self, token_id: int) -> str:
            return cut[token_id]

    stream = TextStream(Chunks(), tuple(stop))
    for number in range(len(cut)):
        stream.push(number, is_last=number == len(cut) - 1)
        if stream.is_stopped:
            break

    assert stream.text == "".join(streamed("".join(cut), tuple(stop)))


def test_what_could_begin_a_stop_string_is_held_back_until_it_cannot() -> None:
    assert list(streamed("a\n\nb\n\nUser:", ("\n\nUser:",))) == ["a", "", "", "\n\nb", *[""] * 7]


def test_held_back_text_is_given_out_when_the_text_ends_otherwise() -> None:
    assert list(streamed("abc EN", ("END",))) == ["a", "b", "c", " ", "", "EN"]
