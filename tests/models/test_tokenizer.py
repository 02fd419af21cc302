from __future__ import annotations

import copy
from typing import Any

from transformers import ByT5Tokenizer

from models.tokenizer import Tokenizer
from tests.models.asking import ask, chat


def test_a_tokeniser_without_a_fast_form_decodes_piece_by_piece_too() -> None:
    slow: Any = ByT5Tokenizer
    tokenizer = Tokenizer(slow())
    token_ids = tokenizer.prompt_ids(ask("3 € 🙂"))
    detokenizer = tokenizer.detokenizer()

    pieces = [*map(detokenizer.push, token_ids), detokenizer.flush()]

    assert "".join(pieces) == "3 € 🙂"
    assert [piece for piece in pieces if piece] == ["3", " ", "€", " ", "🙂"]


def test_without_a_chat_template_a_conversation_is_written_as_lines(tokenizer: Any) -> None:
    plain = copy.deepcopy(tokenizer)
    plain.chat_template = None
    wrapped = Tokenizer(plain)

    token_ids = wrapped.prompt_ids(chat(("system", "Be brief."), ("user", "To be?")))

    assert wrapped.decode(token_ids) == "system: Be brief.\nuser: To be?\nassistant:"


def test_a_tokeniser_that_was_saved_with_a_limit_does_not_cut_prompts(tokenizer: Any) -> None:
    limited = copy.deepcopy(tokenizer)
    limited.backend_tokenizer.enable_truncation(4)

    assert len(Tokenizer(limited).prompt_ids(ask("to be or not to be " * 9))) > 4
