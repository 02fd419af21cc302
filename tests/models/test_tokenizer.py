from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer as Backend
from tokenizers import decoders, models, pre_tokenizers
from transformers import ByT5Tokenizer, PreTrainedTokenizerFast

from models.engine import RequestRefused
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


def test_a_tokens_own_text_is_that_in_the_middle_of_a_text(tokenizer: Any) -> None:
    words = {"\u2581a": 0, "\u2581to": 1, "be": 2}
    backend = Backend(models.WordLevel(words, unk_token="be"))
    backend.pre_tokenizer = pre_tokenizers.Metaspace()
    backend.decoder = decoders.Metaspace()
    fast: Any = PreTrainedTokenizerFast
    spaced = Tokenizer(fast(tokenizer_object=backend))
    own = Tokenizer(tokenizer)

    assert spaced.decode([1, 2]) == "tobe"
    assert [spaced.token_text(token_id) for token_id in (1, 2)] == [" to", "be"]
    assert own.token_text(0) == "<|end|>"
    assert "".join(map(own.token_text, own.ids("To be"))) == "To be"
    assert "\ufffd" in [own.token_text(token_id) for token_id in own.ids("🙂")]


def with_template(tokenizer: Any, template: str) -> Tokenizer:
    changed = copy.deepcopy(tokenizer)
    changed.chat_template = template
    return Tokenizer(changed)


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ messages.__class__.__base__ }}",
        "{{ raise_exception.__globals__['json'] }}",
        "{{ strftime_now.__globals__.__builtins__['open'](PATH, 'w') }}",
        "{{ namespace.__init__.__globals__['copy'] }}",
        "{{ cycler.__init__.__globals__.os.system('touch ' ~ PATH) }}",
        "{{ self.__init__.__globals__ }}",
        "{{ '{0.__class__.__base__}'.format(messages) }}",
        "{{ '%s'.__mod__.__self__.x }}",
        "{% set _ = messages.append(1) %}",
        "{% set _ = messages[0].update({'content': 'other'}) %}",
        "{% set ns = namespace(__class__=1) %}",
        "{% include PATH %}",
        "{% import PATH as module %}",
        "{{ open(PATH, 'w') }}",
        "{{ messages[0].content() }}",
        "{% for _ in range(10 ** 9) %}x{% endfor %}",
        "{{ 1 // 0 }}",
        "{{ [][0].content }}",
        "{% macro again() %}{{ again() }}{% endmacro %}{{ again() }}",
        "{% for message in messages %}",
    ],
)
def test_a_template_that_does_what_it_must_not_is_refused_and_does_nothing(
    template: str, tokenizer: Any, tmp_path: Path
) -> None:
    trace = tmp_path / "trace"
    wrapped = with_template(tokenizer, template.replace("PATH", repr(str(trace))))
    request = chat(("user", "hi"))

    with pytest.raises(RequestRefused, match="chat template") as refusal:
        wrapped.prompt_ids(request)

    assert (refusal.value.code, refusal.value.field) == ("invalid_messages", "input.messages")
    assert list(tmp_path.iterdir()) == []
    assert request == chat(("user", "hi"))


def test_an_attribute_that_a_template_may_not_see_is_not_there(tokenizer: Any) -> None:
    wrapped = with_template(tokenizer, "[{{ messages.__class__ }}{{ raise_exception | attr('__globals__') }}]")

    assert wrapped.decode(wrapped.prompt_ids(chat(("user", "hi")))) == "[]"


def test_what_messages_say_is_text_and_no_template(tokenizer: Any) -> None:
    wrapped = with_template(tokenizer, "{% for message in messages %}{{ message.content }}{% endfor %}")
    said = "{{ 7 * 7 }}{% for _ in range(9) %}{{ ''.__class__ }}"

    assert wrapped.decode(wrapped.prompt_ids(chat(("user", said)))) == said
