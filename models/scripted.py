"""An engine that says what it is told: for tests and for measuring everything around a model."""

from __future__ import annotations

import itertools
import re
import threading
import time
import zlib
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from jobs.request import InferenceRequest, RequestType
from models import made_up
from models.context import completion_budget
from models.embedding import Embedding
from models.engine import Completion, EngineError, EngineLoad, OnStart, OnToken, RequestRefused, unheard
from models.engine_thread import EngineThread
from models.occupant import Occupant
from models.request_check import check_type
from models.sequence import Sequence

END_OF_TEXT = 0
"""The id of the token that ends a reply."""

HELD_POLL_SECONDS = 0.005


@dataclass(frozen=True, slots=True)
class Reply:
    """What the engine does with one request.

    It says `text`, or exactly the tokens in `pieces`, and ends; `is_endless` starts over at the end, up to
    max_tokens. With `tells_time` the text of each token is the instant, by the engine's clock, at which it is said,
    behind a space. With `error` it raises that after the last piece; a RequestRefused is raised at once, on
    submit. Nothing is said before `released` is set. `hangs` blocks the engine's thread until it is closed.
    """

    text: str = ""
    pieces: tuple[str, ...] = ()
    is_endless: bool = False
    tells_time: bool = False
    error: EngineError | None = None
    released: threading.Event | None = None
    hangs: bool = False

    @property
    def tokens(self) -> tuple[str, ...]:
        """The text of each token; at least one."""
        return self.pieces or tuple(words(self.text)) or ("",)


Script = Mapping[str, Reply | str] | Callable[[InferenceRequest], Reply | str]


def words(text: str) -> list[str]:
    """*text* cut in front of each space between words, as a tokeniser does it."""
    return re.findall(r"\s*\S+|\s+\Z", text)


def prompt_text(request: InferenceRequest) -> str:
    """The prompt, what was said last, or the first text to embed: what a script is looked up by."""
    if request.type is RequestType.CHAT_COMPLETION:
        return request.messages[-1].content if request.messages else ""
    if request.type is RequestType.EMBEDDING:
        return next((given for given in request.inputs if isinstance(given, str)), "")
    return request.prompt


def echo(request: InferenceRequest) -> Reply:
    """The words of the prompt over and over until max_tokens."""
    said = words(prompt_text(request).strip()) or ["word"]
    first = said[0] if said[0][0].isspace() else f" {said[0]}"
    return Reply(pieces=(first, *said[1:]), is_endless=True)


class ScriptedEngine:
    """Implements Engine without a model.

    *script* maps prompts to replies, or makes a reply of a request; a prompt that is not in the mapping is
    echoed. Every running sequence gets one token per step, and a step lasts at least *step_seconds* by
    *clock* and *pause*. Tokens are words; the same request always gives the same tokens, and each
    claims a probability of 1/2. With *dimensions* it embeds, and takes nothing else: vectors of so many numbers, made
    up from each input alone, one a step.
    """

    can_continue = True

    def __init__(
        self,
        script: Script = echo,
        *,
        slots: int = 32,
        context_tokens: int = 1024,
        step_seconds: float = 0.0,
        flush_timeout_seconds: float = 0.0,
        dimensions: int | None = None,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], object] | None = None,
    ) -> None:
        self.slots = slots
        self.context_tokens = context_tokens
        self._script = script
        self._dimensions = dimensions
        self._step_seconds = step_seconds
        self._clock = clock
        self._closing = threading.Event()
        self._pause = pause or self._closing.wait
        self._next_step_at = float("-inf")
        self._replies: WeakKeyDictionary[Occupant, Reply] = WeakKeyDictionary()
        self._thread = EngineThread[Occupant](
            self._advance, slots=slots, flush_timeout_seconds=flush_timeout_seconds, clock=clock
        )

    def submit(
        self,
        request_id: str,
        request: InferenceRequest,
        on_token: OnToken,
        *,
        emitted: tuple[int, ...] = (),
        company_expected: bool = False,
        goes_first: bool = False,
        on_start: OnStart = unheard,
    ) -> Future[Completion]:
        """See Engine."""
        return self._thread.submit(
            lambda: self._occupant(request_id, request, on_token, emitted),
            company_expected=company_expected,
            goes_first=goes_first,
            on_start=on_start,
        )

    def cancel(self, request_id: str) -> None:
        """See Engine."""
        self._thread.cancel(request_id)

    def seconds_since_progress(self) -> float:
        """See Engine."""
        return self._thread.seconds_since_progress()

    def load(self) -> EngineLoad:
        """See Engine."""
        return self._thread.load()

    def close(self) -> None:
        """See Engine."""
        self._closing.set()
        self._thread.close()

    def _occupant(
        self, request_id: str, request: InferenceRequest, on_token: OnToken, emitted: tuple[int, ...]
    ) -> Occupant:
        check_type(request, embeds=self._dimensions is not None)
        reply = self._reply(request)
        if isinstance(reply.error, RequestRefused):
            raise reply.error
        made = (
            Embedding(request_id, [_input_ids(given) for given in request.inputs], clock=self._clock)
            if request.type is RequestType.EMBEDDING
            else self._sequence(request_id, request, on_token, emitted, reply)
        )
        self._replies[made] = reply
        return made

    def _sequence(
        self, request_id: str, request: InferenceRequest, on_token: OnToken, emitted: tuple[int, ...], reply: Reply
    ) -> Sequence:
        said = [request.prompt, *(message.content for message in request.messages)]
        prompt_ids = [_token_id(word) for text in said for word in words(text)]
        return Sequence(
            request_id,
            prompt_ids,
            params=request.params,
            max_tokens=completion_budget(
                prompt_tokens=len(prompt_ids),
                max_tokens=request.params.max_tokens,
                context_tokens=self.context_tokens,
            ),
            eos_ids=frozenset({END_OF_TEXT}),
            decoder=_Instants(self._clock) if reply.tells_time else _Pieces(reply.tokens),
            on_token=on_token,
            emitted=emitted,
            clock=self._clock,
        )

    def _reply(self, request: InferenceRequest) -> Reply:
        if callable(self._script):
            reply = self._script(request)
        else:
            reply = self._script.get(prompt_text(request)) or echo(request)
        return Reply(reply) if isinstance(reply, str) else reply

    def _advance(self, running: list[Occupant]) -> None:
        self._keep_pace()
        spoke = [self._go_on(occupant, self._replies[occupant]) for occupant in running]
        if not any(spoke):
            self._closing.wait(HELD_POLL_SECONDS)

    def _keep_pace(self) -> None:
        if self._step_seconds > 0:
            now = self._clock()
            if now < self._next_step_at:
                self._pause(self._next_step_at - now)
            self._next_step_at = max(now, self._next_step_at) + self._step_seconds

    def _go_on(self, occupant: Occupant, reply: Reply) -> bool:
        """Say one token or make one vector, unless the reply is held back."""
        if reply.released is not None and not reply.released.is_set():
            return False
        if reply.hangs:
            self._closing.wait()
            return False
        if isinstance(occupant, Sequence):
            _say_next(occupant, reply)
        elif isinstance(occupant, Embedding):
            _embed_next(occupant, reply, self._dimensions or 1)
        return True


def _say_next(sequence: Sequence, reply: Reply) -> None:
    tokens, index = reply.tokens, sequence.completion_tokens
    if reply.error is not None and index >= (len(tokens) if reply.pieces or reply.text else 0):
        sequence.fail(reply.error)
        return
    is_end = not reply.is_endless and reply.error is None and (index + 1) % len(tokens) == 0
    said = tokens[index % len(tokens)]
    sequence.add(END_OF_TEXT if is_end else _token_id(said), made_up.logprobs(said, count=sequence.params.logprobs))


def _embed_next(embedding: Embedding, reply: Reply, dimensions: int) -> None:
    if reply.error is not None:
        embedding.fail(reply.error)
        return
    taken = embedding.left.popleft()
    embedding.add(taken.index, made_up.vector(taken.token_ids, dimensions=dimensions))


def _input_ids(given: str | tuple[int, ...]) -> list[int]:
    return [_token_id(word) for word in words(given)] if isinstance(given, str) else list(given)


class _Pieces:
    """Decodes whatever token into the next piece of the script."""

    def __init__(self, pieces: tuple[str, ...]) -> None:
        self._next = itertools.cycle(pieces)

    def push(self, token_id: int) -> str:  # noqa: ARG002 - the script knows better
        return next(self._next)

    def flush(self) -> str:
        return ""


class _Instants:
    """Decodes whatever token into the time."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock

    def push(self, token_id: int) -> str:  # noqa: ARG002 - the time is all there is to say
        return f" {self._clock():.6f}"

    def flush(self) -> str:
        return ""


def _token_id(word: str) -> int:
    """A number for a word, the same in every process and never END_OF_TEXT."""
    return zlib.crc32(word.encode()) % 49_999 + 1
