"""A file of questions, as many as a well-known test has, through OpenAI's own client and a whole `frontier up`."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest
from openai import OpenAI

from models.scripted import words
from scripts import paths
from tests.system.batch_books import check_answers
from tests.system.batch_reader import FINAL
from tests.system.echoed import echoed
from tests.system.history import VOCABULARY
from tests.system.up_process import UpProcess
from tests.system.worker_process import wait_for

QUESTIONS_VARIABLE = "FRONTIER_TEST_QUESTIONS"
QUESTIONS = 1319
ENDPOINT: Final = "/v1/chat/completions"
PATIENCE_SECONDS = 900.0
LEASE = {"FRONTIER_LEASE_S": "2"}
SCRIPTED = """
models:
  m:
    engine: scripted
    slots: 8
    script: {tokens_per_second: 50}
"""
MODEL = "shakespeare"
SHIPPED = Path(__file__).parents[2] / "configs" / "llm_default.yaml"
ASKED_AGAIN = 20


@pytest.fixture
def questions(random: Random) -> list[str]:
    """Those of the file that is named, else drawn ones."""
    if given := os.environ.get(QUESTIONS_VARIABLE):
        return [json.loads(line)["question"] for line in Path(given).read_text(encoding="utf-8").splitlines()]
    return [
        f"{' '.join(random.choices(VOCABULARY, k=random.randint(5, 60)))}, {number}?" for number in range(QUESTIONS)
    ]


class Flow:
    """What a user does with questions; each is known by its `custom_id`, with how many tokens its answer may have."""

    def __init__(self, up: UpProcess, model: str, questions: list[str], tokens: list[int]) -> None:
        self.client = OpenAI(
            base_url=f"http://127.0.0.1:{up.port}/v1",
            api_key=paths.read_token(up.data_dir),
            _strict_response_validation=True,
        )
        self._up = up
        self._model = model
        asked = enumerate(zip(questions, tokens, strict=True), 1)
        self.questions = {f"question-{number}": one for number, one in asked}
        self.batch_id = ""

    def submit(self) -> None:
        lines = [
            json.dumps({"custom_id": custom_id, "method": "POST", "url": ENDPOINT, "body": self._body(custom_id)})
            for custom_id in self.questions
        ]
        file = self.client.files.create(file=("questions.jsonl", "\n".join(lines).encode()), purpose="batch")
        batch = self.client.batches.create(input_file_id=file.id, endpoint=ENDPOINT, completion_window="24h")
        self.batch_id = batch.id

    def kill_a_worker_at(self, completed: int) -> None:
        """Once so many lines are done, and as soon as one runs."""
        wait_for(lambda: self._completed() >= completed, PATIENCE_SECONDS, tell=self._tell)
        name = f"{self._model}-1"
        wait_for(lambda: name in self._up.children(), PATIENCE_SECONDS)
        os.kill(self._up.child(name), signal.SIGKILL)

    def done(self) -> Any:
        """The batch, once it has ended."""
        wait_for(lambda: self._batch().status in FINAL, PATIENCE_SECONDS, tell=self._tell)
        return self._batch()

    def downloaded(self, file_id: str | None) -> list[Mapping[str, Any]]:
        content = self.client.files.content(file_id).text if file_id else ""
        return [json.loads(line) for line in content.splitlines()]

    def answer_alone(self, custom_id: str) -> str:
        """What the same request is answered outside of a batch."""
        answer = self.client.chat.completions.create(**self._body(custom_id))
        return str(answer.choices[0].message.content)

    def _body(self, custom_id: str) -> dict[str, Any]:
        question, most = self.questions[custom_id]
        messages = [{"role": "user", "content": question}]
        return {"model": self._model, "messages": messages, "max_tokens": most, "temperature": 0}

    def _batch(self) -> Any:
        return self.client.batches.retrieve(self.batch_id)

    def _completed(self) -> int:
        return int(self._batch().request_counts.completed)

    def _tell(self) -> str:
        return f"{self._batch()}\n{self._up.output}"


MakeFlow = Callable[[str, Path, int], Flow]


@pytest.fixture
def make_flow(tmp_path: Path, server_binary: Path, questions: list[str], random: Random) -> Iterator[MakeFlow]:  # noqa: ARG001 - skips where there is none
    """Starts everything with one model of a configuration; each answer may have some tokens, at most so many."""
    with ExitStack() as cleanup:

        def make(model: str, config: Path, most: int) -> Flow:
            up = UpProcess(tmp_path / "data", config, "--model", model, env=LEASE)
            cleanup.callback(up.close)
            up.read_until(f"{model} is ready", seconds=PATIENCE_SECONDS)
            flow = Flow(up, model, questions, [random.randint(2, most) for _ in questions])
            cleanup.callback(flow.client.close)
            return flow

        yield make


def run(flow: Flow, random: Random) -> list[Mapping[str, Any]]:
    """The answers to all questions, with the worker killed twice while they are made."""
    count = len(flow.questions)
    flow.submit()
    for place in sorted(random.sample(range(count // 10, count * 8 // 10), 2)):
        flow.kill_a_worker_at(place)
    batch = flow.done()

    assert batch.status == "completed", batch
    told = batch.request_counts
    assert (told.total, told.completed, told.failed) == (count, count, 0)
    assert batch.error_file_id is None
    answers = flow.downloaded(batch.output_file_id)
    assert Counter(answer["custom_id"] for answer in answers) == Counter(flow.questions.keys())
    used = [answer["response"]["body"]["usage"] for answer in answers]
    assert batch.usage.input_tokens == sum(one["prompt_tokens"] for one in used)
    assert batch.usage.output_tokens == sum(one["completion_tokens"] for one in used)
    assert batch.usage.total_tokens == batch.usage.input_tokens + batch.usage.output_tokens
    return answers


@pytest.mark.long
def test_each_question_is_answered_once_and_rightly_while_the_worker_is_killed_twice(
    make_flow: MakeFlow, random: Random, tmp_path: Path
) -> None:
    """FRONTIER_TEST_QUESTIONS may name a file of JSON lines with a `question` each, such as the 1,319 of GSM8K.

    Where it names none, as many are drawn.
    """
    config = tmp_path / "models.yaml"
    config.write_text(SCRIPTED)
    flow = make_flow("m", config, 24)

    answers = run(flow, random)

    check_answers(answers, {name: echoed(question, most) for name, (question, most) in flow.questions.items()})
    for answer in answers:
        question, most = flow.questions[answer["custom_id"]]
        used = answer["response"]["body"]["usage"]
        assert (used["prompt_tokens"], used["completion_tokens"]) == (len(words(question)), most)


@pytest.mark.long
def test_a_model_answers_each_question_once_and_as_it_does_alone_while_its_worker_is_killed_twice(
    make_flow: MakeFlow, random: Random
) -> None:
    """That which is shipped, on the real engine, with questions as above; some of them are asked again alone."""
    flow = make_flow(MODEL, SHIPPED, 8)

    answers = run(flow, random)

    for answer in random.sample(answers, ASKED_AGAIN):
        text = answer["response"]["body"]["choices"][0]["message"]["content"]
        assert text == flow.answer_alone(answer["custom_id"]), answer
