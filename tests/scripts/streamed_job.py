"""One job whose tokens come as a stream that breaks where a test says so."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterator

from tests.scripts.job_api import TIMING, TOKEN, USAGE, Answer, Body, Request, problem

JOB_ID = "job_000001"
HEARTBEAT = b": \n\n"


class StreamedJob:
    """Each connection gives as many tokens as the next of *cuts* says, and breaks; the last gives all to the end.

    *says_again* sends the token before once more after each cut; *hold* is called in front of each token.
    """

    def __init__(self, *texts: str, cuts: tuple[int, ...] = (), says_again: bool = False) -> None:
        self.texts = texts
        self.cuts = deque(cuts)
        self.says_again = says_again
        self.hold: Callable[[int], object] = lambda _: None
        self.status = "succeeded"
        self.attempts = 1
        self.requests: list[Request] = []
        self.position: int | None = None
        self.is_cancelled = False

    def answer(self, request: Request) -> Answer:
        self.requests.append(request)
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return problem(401, "unauthorized", "the token is not known")
        if request.path == "/v1/jobs":
            return Answer(202, self.job("queued"))
        if request.path.endswith("/cancel"):
            self.is_cancelled = True
            return Answer(200, self.job("cancelled"))
        if request.path == f"/v1/jobs/{JOB_ID}":
            return Answer(200, self.job("queued"))
        if request.path in {"/v1/infer", f"/v1/jobs/{JOB_ID}/events"}:
            pieces = self._pieces(int(request.query.get("after", -1)))
            return Answer(200, {}, {"Location": f"/v1/jobs/{JOB_ID}"}, pieces)
        return problem(404, "job-not-found", f"nothing is at {request.path}")

    def job(self, status: str) -> Body:
        body: Body = {"id": JOB_ID, "status": status, "attempt": self.attempts, "max_attempts": 3, "version": 1}
        if status == "queued" and self.position is not None:
            body["queue"] = {"position": self.position}
        if status == "succeeded":
            body |= {"usage": USAGE, "timing": TIMING, "result": {"text": "".join(self.texts)}}
        if status == "failed":
            body["error"] = {"title": "The job failed", "detail": "the model broke"}
        return body

    def _pieces(self, after: int) -> Iterator[bytes]:
        length = self.cuts.popleft() if self.cuts else None
        yield _event("snapshot", after, self.job("queued" if after < 0 else "running"))
        if self.says_again and after >= 0:
            yield self._token(after)
        for index in range(after + 1, len(self.texts)):
            if length is not None and index - after > length:
                raise ConnectionError
            self.hold(index)
            if index == 0:
                yield _event("status", None, {"status": "running", "version": 2, "attempt": self.attempts})
            yield HEARTBEAT + self._token(index)
        if length is not None:
            raise ConnectionError
        yield _event("final", len(self.texts), self.job(self.status))

    def _token(self, index: int) -> bytes:
        return _event("token", index, {"index": index, "text": self.texts[index]})


def _event(name: str, number: int | None, data: Body) -> bytes:
    lines = [f"event: {name}", *([] if number is None else [f"id: {number}"]), f"data: {json.dumps(data)}"]
    return ("\n".join(lines) + "\n\n").encode()
