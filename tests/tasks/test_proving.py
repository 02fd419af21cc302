"""What proves that a process gets messages and works, and what is held against it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from redis import ConnectionError as RedisIsAway

from jobs.environment import SettingError
from jobs.events import AttemptFinished, AttemptTimes
from jobs.job import JobState, Outcome
from jobs.lease import Lease
from jobs.probe_settings import ProbeSettings
from jobs.probe_stamp import ProbeStamp
from jobs.request import InferenceRequest, RequestType
from models.engine import EngineError, RequestRefused, Token
from models.scripted import Reply, ScriptedEngine
from tasks.engine_proof import EngineProof
from tasks.proving import Proving
from tasks.running import RunningAttempt, RunningAttempts

LIMIT = 60.0


@dataclass
class Site:
    """A process whose canaries, clock and work a test has in hand."""

    file: Path
    now: float = 1000.0
    is_away: bool = False
    works: Callable[[], object] = lambda: None
    sent: int = 0
    proving: Proving = field(init=False)

    def __post_init__(self) -> None:
        self.proving = Proving(
            file=self.file,
            every_seconds=10.0,
            limit_seconds=LIMIT,
            send=self._send,
            works=self._work,
            now=lambda: self.now,
        )

    def _work(self) -> None:
        self.works()

    def _send(self) -> None:
        if self.is_away:
            raise RedisIsAway
        self.sent += 1

    def complaint(self, after: float = 0.0) -> str | None:
        """What somebody is told who asks a round later, or so long."""
        self.now += after
        self.proving.round()
        stamp = ProbeStamp.read(self.file)
        assert stamp is not None
        return stamp.complaint(self.now)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "probe")


def test_a_process_is_well_while_canaries_come_and_not_once_none_has_come_for_too_long(site: Site) -> None:
    assert site.complaint() is None
    assert site.proving.come() == "proven"
    assert site.complaint(after=LIMIT * 10) is None, "what matters is how long one is on its way"
    assert site.complaint(after=LIMIT) is None
    assert "no message has come through" in str(site.complaint(after=1))
    assert site.proving.come() == "proven"
    assert site.complaint() is None


def test_a_process_that_says_nothing_any_more_is_not_well(site: Site) -> None:
    site.complaint()
    site.proving.come()
    stamp = ProbeStamp.read(site.file)
    assert stamp is not None
    assert stamp.complaint(site.now + LIMIT) is None
    assert "has said nothing for 61 s" in str(stamp.complaint(site.now + LIMIT + 1))


def test_an_outage_of_redis_is_not_held_against_it_and_time_counts_anew_afterwards(site: Site) -> None:
    site.complaint()
    site.is_away = True
    assert site.complaint(after=LIMIT * 2) is None
    stamp = ProbeStamp.read(site.file)
    assert stamp is not None
    assert stamp.phase == "without Redis"
    site.is_away = False
    assert site.complaint(after=LIMIT) is None
    assert site.complaint(after=LIMIT) is None
    assert site.complaint(after=1) is not None


def test_messages_that_come_prove_nothing_while_the_work_fails_or_hangs(site: Site) -> None:
    release, begun = threading.Event(), threading.Event()

    def fail() -> None:
        raise EngineError("no")

    def hang() -> None:
        begun.set()
        release.wait()

    site.complaint()
    site.works = fail
    assert site.proving.come() == "failed"
    site.works = hang
    stuck = threading.Thread(target=site.proving.come)
    stuck.start()
    begun.wait()
    assert site.proving.come() == "waits", "no second thread is held up"
    assert site.complaint(after=LIMIT + 1) is not None
    release.set()
    stuck.join()
    assert site.complaint() is None


def test_a_process_that_is_told_to_end_owes_nothing_and_its_file_ends_with_it(site: Site) -> None:
    site.complaint()
    site.proving.begin_end()
    assert site.complaint(after=LIMIT * 2) is None
    assert site.sent == 1
    site.proving.stop()
    assert ProbeStamp.read(site.file) is None


def test_another_file_is_not_taken_for_a_probe_s(tmp_path: Path) -> None:
    for text in ("{}", "[]", "no"):
        (tmp_path / "probe").write_text(text)
        with pytest.raises(ValueError, match=r".+"):
            ProbeStamp.read(tmp_path / "probe")


@pytest.mark.parametrize("name", ["PROBE_EVERY_S", "PROBE_LIMIT_S"])
def test_a_wrong_setting_names_its_variable(name: str) -> None:
    with pytest.raises(SettingError, match=name):
        ProbeSettings.from_env({name: "0"})


def lease(job_id: str) -> Lease:
    request = InferenceRequest(model="m", type=RequestType.COMPLETION, prompt="Hark!")
    return Lease(
        job_id=job_id,
        tenant="default",
        token=1,
        attempt=1,
        worker="w",
        request=request,
        run_seconds=60,
        ends_as=JobState.FAILED,
        queue_wait_seconds=0,
    )


def proof_of(engine: ScriptedEngine, clock: Callable[[], float]) -> tuple[EngineProof, RunningAttempts]:
    running = RunningAttempts(engine.cancel)
    return EngineProof(engine, running, model="m", embeds=False, clock=clock), running


def test_an_idle_engine_makes_one_token_and_one_that_fails_is_told() -> None:
    asked: list[InferenceRequest] = []

    def reply(request: InferenceRequest) -> Reply:
        asked.append(request)
        return Reply("one two") if len(asked) == 1 else Reply(error=RequestRefused("broken", code="x", field="y"))

    engine = ScriptedEngine(reply)
    proof, _ = proof_of(engine, lambda: 0.0)
    proof.wait()
    with pytest.raises(EngineError, match="broken"):
        proof.wait()
    engine.close()
    assert [request.params.max_tokens for request in asked] == [1, 1]


def test_an_encoder_embeds_one_text() -> None:
    engine = ScriptedEngine(dimensions=4)
    proof = EngineProof(engine, RunningAttempts(engine.cancel), model="m", embeds=True, clock=lambda: 0.0)
    proof.wait()
    engine.close()


def test_what_runs_and_what_has_ended_proves_an_engine_whose_slots_are_taken() -> None:
    engine = ScriptedEngine(lambda _: Reply(released=threading.Event()), slots=1)
    now = [1.0]
    proof, running = proof_of(engine, lambda: now[0])
    attempt = RunningAttempt(lease("job_1"), claimed_at=0.0, clock=lambda: now[0])
    running.add(attempt)
    attempt.add(Token(0, 1, "a"))
    proof.wait()

    waiting = threading.Thread(target=proof.wait)
    waiting.start()
    now[0] = 2.0
    attempt.add(Token(1, 1, "b"))
    waiting.join()

    running.remove(attempt)
    now[0] = 3.0
    times = AttemptTimes(
        claimed_at=0.0, began_at=0.0, first_token_at=1.0, last_token_at=2.0, ended_at=3.0, recorded_at=3.0
    )
    proof.listen(AttemptFinished(lease("job_1"), "m", "ok", Outcome(state=JobState.SUCCEEDED), times))
    proof.wait()
    engine.close()
