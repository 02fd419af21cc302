"""Between text and token ids, for any tokeniser of transformers."""

from __future__ import annotations

import threading
from typing import Any

from jobs.request import InferenceRequest, Message, RequestType
from models.detokenizer import Detokenizer
from models.engine import RequestRefused


class Tokenizer:
    """May be used from any thread. `eos_ids` end a text, by the tokeniser's own account."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._backend = getattr(tokenizer, "backend_tokenizer", None) if tokenizer.is_fast else None
        self._lock = threading.Lock()
        if self._backend is not None:
            self._backend.no_truncation()
            self._backend.no_padding()
        self._token_texts: dict[int, str] = {}
        self._anchor = self._encode("a", adds_special=False)
        self.eos_ids = frozenset([tokenizer.eos_token_id] if tokenizer.eos_token_id is not None else [])

    def prompt_ids(self, request: InferenceRequest) -> list[int]:
        """The ids of a request's prompt or of its rendered conversation. Raises RequestRefused."""
        if request.type is RequestType.CHAT_COMPLETION:
            return self._encode(self._render(request.messages), adds_special=self._tokenizer.chat_template is None)
        return self.ids(request.prompt)

    def ids(self, text: str, *, field: str = "input") -> list[int]:
        """The ids of a text, with the special tokens around it. Raises RequestRefused, which names *field*."""
        return self._encode(text, adds_special=True, field=field)

    def decode(self, token_ids: list[int]) -> str:
        """The text of the ids, special tokens left out."""
        return self._decode(token_ids, skips_special=True)

    def token_text(self, token_id: int) -> str:
        """What one token reads as in the middle of a text, a special token too; U+FFFD for a part of a character."""
        if token_id not in self._token_texts:
            before, text, alone = (
                self._decode(token_ids, skips_special=False)
                for token_ids in (self._anchor, [*self._anchor, token_id], [token_id])
            )
            self._token_texts[token_id] = text.removeprefix(before) if text.startswith(before) else alone
        return self._token_texts[token_id]

    def detokenizer(self) -> Detokenizer:
        """For the tokens of one completion."""
        return Detokenizer(self.decode)

    def _decode(self, token_ids: list[int], *, skips_special: bool) -> str:
        if self._backend is not None:
            return str(self._backend.decode(token_ids, skip_special_tokens=skips_special))
        with self._lock:
            text = self._tokenizer.decode(
                token_ids, skip_special_tokens=skips_special, clean_up_tokenization_spaces=False
            )
        return str(text)

    def _render(self, messages: tuple[Message, ...]) -> str:
        if self._tokenizer.chat_template is None:
            turns = [f"{message.role}: {message.content}\n" for message in messages]
            return "".join([*turns, "assistant:"])
        conversation = [{"role": message.role, "content": message.content} for message in messages]
        try:
            return str(self._tokenizer.apply_chat_template(conversation, tokenize=False, add_generation_prompt=True))
        except Exception as error:  # a template is code: it may fail in any way
            message = f"this model's chat template does not take these messages: {error}"
            raise RequestRefused(message, code="invalid_messages", field="input.messages") from error

    def _encode(self, text: str, *, adds_special: bool, field: str = "input") -> list[int]:
        try:
            text.encode()
        except UnicodeEncodeError as error:
            what = "the prompt" if field == "input" else field
            message = f"{what} is not Unicode text: character {error.start} is half of a surrogate pair"
            raise RequestRefused(message, code="invalid_text", field=field) from error
        if self._backend is not None:
            return list(self._backend.encode(text, add_special_tokens=adds_special).ids)
        with self._lock:
            return list(self._tokenizer.encode(text, add_special_tokens=adds_special))
