"""A stand-in for a server that speaks OpenAI's API: real HTTP on loopback, and every fault a test asks for."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PATIENCE_SECONDS = 60
DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came."""

    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]


def event(document: Any) -> bytes:
    return b"data: " + json.dumps(document).encode() + b"\n\n"


def piece(text: str, *, finish_reason: str | None = None) -> bytes:
    """A part of a text completion."""
    return event({"object": "text_completion", "choices": [{"index": 0, "text": text, "finish_reason": finish_reason}]})


def delta(content: str | None, *, finish_reason: str | None = None, **more: Any) -> bytes:
    """A part of a chat completion."""
    change = {"content": content, **more}
    return event(
        {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": change, "finish_reason": finish_reason}]}
    )


def usage(prompt_tokens: int, completion_tokens: int, *, cached_tokens: int | None = None) -> bytes:
    counts: dict[str, Any] = {"prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens}
    if cached_tokens is not None:
        counts["prompt_tokens_details"] = {"cached_tokens": cached_tokens}
    return event({"choices": [], "usage": counts})


def says(text: str, *, finish_reason: str = "stop") -> Stream:
    """A whole text completion, a word per event."""
    words = [piece(f" {word}") for word in text.split()]
    return Stream([*words, piece("", finish_reason=finish_reason), usage(3, len(words)), DONE])


@dataclass
class Stream:
    """Answers 200 with *parts*, in chunks.

    A part that is a threading.Event is waited for; with `goes_on` the last part is repeated until the client is
    gone, and with `breaks_off` the connection ends without the end of the body.
    """

    parts: Iterable[bytes | threading.Event]
    goes_on: bool = False
    breaks_off: bool = False
    content_type: str = "text/event-stream; charset=utf-8"

    def answer(self, handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", self.content_type)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        last = b""
        for part in self.parts:
            if isinstance(part, threading.Event):
                assert part.wait(PATIENCE_SECONDS)
                continue
            last = part
            handler.chunk(part)
        while self.goes_on and not handler.stand_in.is_closing.wait(0.01):
            handler.chunk(last)
        if self.breaks_off:
            handler.close_connection = True
        else:
            handler.chunk(b"")


@dataclass
class Problem:
    """Answers *status* with a body and headers."""

    status: int
    document: Any = None
    headers: dict[str, str] = field(default_factory=dict)

    def answer(self, handler: Handler) -> None:
        body = self.document if isinstance(self.document, bytes) else json.dumps(self.document).encode()
        handler.send_response(self.status)
        for name, value in {
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            **self.headers,
        }.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)


@dataclass
class Silence:
    """Answers nothing until the client is gone, or the stand-in closes."""

    def answer(self, handler: Handler) -> None:
        handler.wait_until_gone()


@dataclass
class HangUp:
    """Ends the connection without a word."""

    def answer(self, handler: Handler) -> None:
        handler.close_connection = True


Behaviour = Stream | Problem | Silence | HangUp
Script = Callable[[Asked], Behaviour]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    stand_in: StandIn

    def do_POST(self) -> None:
        size = int(self.headers["Content-Length"])
        asked = Asked(self.path, dict(self.headers.items()), json.loads(self.rfile.read(size)))
        self.stand_in.asked.put(asked)
        try:
            self.stand_in.script(asked).answer(self)
        except (BrokenPipeError, ConnectionResetError):
            self.stand_in.gone.put(asked)
            self.close_connection = True

    def do_GET(self) -> None:
        self.stand_in.look(self.path, dict(self.headers.items())).answer(self)

    def chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))

    def wait_until_gone(self) -> None:
        """Until the client has closed its end."""
        self.connection.settimeout(PATIENCE_SECONDS)
        if self.rfile.read(1) == b"":
            raise BrokenPipeError
        raise AssertionError("the client said more")

    def log_message(self, *_: Any) -> None:
        pass


class StandIn:
    """Serves on a free port of loopback; `asked` are the requests, `gone` those whose client went away first."""

    def __init__(self, *behaviours: Behaviour, script: Script | None = None) -> None:
        self._behaviours = list(behaviours)
        self.script = script or self._next
        self.look: Callable[[str, Mapping[str, str]], Behaviour] = lambda _path, _headers: Problem(404, {})
        self.asked: queue.Queue[Asked] = queue.Queue()
        self.gone: queue.Queue[Asked] = queue.Queue()
        self.connections = 0
        self.is_closing = threading.Event()
        self._lock = threading.Lock()
        handler = type("OurHandler", (Handler,), {"stand_in": self})
        self._server = _Server(("127.0.0.1", 0), handler, self)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def next_asked(self) -> Asked:
        return self.asked.get(timeout=PATIENCE_SECONDS)

    def next_gone(self) -> Asked:
        return self.gone.get(timeout=PATIENCE_SECONDS)

    def close(self) -> None:
        self.is_closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _next(self, _: Asked) -> Behaviour:
        """The behaviours in turn; the last one for all that come after."""
        with self._lock:
            return self._behaviours.pop(0) if len(self._behaviours) > 1 else self._behaviours[0]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], handler: type[Handler], stand_in: StandIn) -> None:
        self._stand_in = stand_in
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._stand_in.connections += 1
        super().process_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that is gone is no error."""
