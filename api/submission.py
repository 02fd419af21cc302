"""What happens to a request for a completion, top-down and without a framework.

    idempotency → limits → known result → deadlines → record → dispatch

A repeat is found before it is counted, so that it costs nothing. The idempotency key is checked once more by the
atomic move that records the job: of any number of equal submits at the same moment one makes the job and the others
find it. A job whose result is known ends with its record; one whose result another job will have waits for its run.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from api.cache_fields import USUAL, AskedCache
from api.deadlines import check_deadlines
from api.equal_jobs import SoughtResult
from api.errors import InvalidRequest
from api.job_webhooks import AskedWebhook, TakeWebhook, no_webhooks
from api.known_results import FindKnown, nothing_known
from api.model_gate import ModelGate
from api.model_lookup import find_model
from api.recorded_job import recorded_job
from jobs.answers import Accepted
from jobs.job import OPERATOR_KEY, Foreground, Job, NewJob, Priority
from jobs.request import InferenceRequest, Message, RequestType, SamplingParams
from jobs.store import JobStore
from models.catalog import Catalog, ModelConfig
from resilience.failpoints import Failpoint, Reach, unarmed
from tasks.dispatch import Dispatcher

log = logging.getLogger(__name__)

DEFAULT_TIMEOUT_SECONDS = 600.0
DEFAULT_RETENTION_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """What a client asks for, well formed but not yet measured against the model.

    `params` holds only what was given; without `default_max_tokens` the model's own limit is the default. `fingerprint`
    is of the body as it was sent. `prompt_field` and `params_prefix` are the names under which the client knows these,
    for refusals. `asked` is what its interface will tell of the request again, `id_kind` what the job's id begins with.
    With `is_streamed` the client reads the tokens, with `is_foreground` it waits for an answer.
    """

    type: RequestType
    fingerprint: str
    model: str | None = None
    prompt: str = ""
    messages: tuple[Message, ...] = ()
    inputs: tuple[str | tuple[int, ...], ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict)
    default_max_tokens: int | None = SamplingParams().max_tokens
    priority: Priority | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    start_within_seconds: float | None = None
    deadline_at: float | None = None
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS
    retention_seconds: float = DEFAULT_RETENTION_SECONDS
    webhook: AskedWebhook | None = None
    cache: AskedCache = USUAL
    prompt_field: str = "input.prompt"
    params_prefix: str = "params."
    asked: Mapping[str, Any] = field(default_factory=dict)
    id_kind: Literal["job", "resp"] = "job"
    is_streamed: bool = False
    is_foreground: bool = False

    @property
    def class_in_queue(self) -> Priority:
        """What was asked for, or else what suits a job that is waited for, or not."""
        return self.priority or (Priority.INTERACTIVE if self.is_foreground else Priority.STANDARD)


def unlimited() -> None:
    """Count nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """A job that is safe; `new` is how it was recorded, None if its idempotency key or an earlier try had made it.

    One that `is_cached` has the result of an earlier job.
    """

    job_id: str
    new: Job | None

    @property
    def is_cached(self) -> bool:
        return self.new is not None and self.new.is_cached

    @property
    def is_final(self) -> bool:
        """Whether `new` is its end, with all that there is to tell of it."""
        return self.new is not None and self.new.is_final and self.new.sequence > 0 and self.new.webhook is None

    @property
    def replayed(self) -> bool:
        return self.new is None


@dataclass(frozen=True, kw_only=True)
class Submissions:
    """Takes submissions in; `new_id` makes an id of a kind, `draw_seed` a number below 2^53, `clock` Unix seconds.

    `charge` counts a submission for whoever makes it; it raises RateLimited for one too many.
    """

    store: JobStore
    dispatcher: Dispatcher
    catalog: Catalog
    new_id: Callable[[str], str]
    draw_seed: Callable[[], int]
    clock: Callable[[], float]
    gate: ModelGate
    take_webhook: TakeWebhook = no_webhooks
    charge: Callable[[], object] = unlimited
    find_known: FindKnown = nothing_known
    reach: Reach = unarmed

    def submit(
        self,
        submission: Submission,
        *,
        tenant: str,
        key_id: str = OPERATOR_KEY,
        idempotency_key: str | None = None,
        traceparent: str | None = None,
        is_retry: bool = False,
    ) -> Submitted:
        """Record one job, or find the one that the key has made, and let it start as soon as there is room.

        It belongs to the API key `key_id`. A retry in the foreground finds the job of an earlier try, if that one's
        answer was never delivered.
        Raises UnknownModel, InvalidRequest, DeadlineUnmeetable, UrlRefused, NoSealer, IdempotencyMismatch, RateLimited,
        CircuitOpen, ModelDraining, QueueFull, QuotaExceeded, StorageFull or StoreUnavailable.
        """
        if idempotency_key is not None:
            known = self.store.submitted(tenant, idempotency_key, submission.fingerprint)
            if known is not None:
                return Submitted(job_id=known, new=None)
        model = self._model(submission)
        if not (is_retry and submission.is_foreground and self.store.awaits(tenant, submission.fingerprint)):
            self.charge()
        request = self._request(submission, model)
        sought = SoughtResult(
            request=request,
            model=model,
            tenant=tenant,
            asked=submission.cache,
            seed_is_given="seed" in submission.params,
        )
        reuse = self.find_known(sought, submission.retention_seconds)
        job = NewJob(
            id=self.new_id(submission.id_kind),
            tenant=tenant,
            request=request,
            key_id=key_id,
            priority=submission.class_in_queue,
            metadata=submission.metadata,
            deadline_at=self._deadline(submission),
            start_within_seconds=submission.start_within_seconds,
            timeout_seconds=submission.timeout_seconds,
            retention_seconds=submission.retention_seconds,
            idempotency_key=idempotency_key,
            fingerprint=submission.fingerprint,
            webhook=self.take_webhook(submission.webhook, tenant) if submission.webhook else None,
            traceparent=traceparent,
            asked=submission.asked,
            is_streamed=submission.is_streamed,
            foreground=Foreground(fingerprint=submission.fingerprint, is_retry=is_retry)
            if submission.is_foreground
            else None,
            reuse=reuse,
            run_digest=sought.run_digest,
        )
        check_deadlines(self.store, job)
        self.reach(Failpoint.API_BEFORE_RECORD)
        with self.gate.at(model.name) as takes_new:
            most, most_of_tenant = model.limits.max_waiting, model.limits.max_waiting_per_tenant
            accepted = self.store.accept(
                job, max_waiting=most, max_waiting_per_tenant=most_of_tenant, takes_new=takes_new
            )
        self.reach(Failpoint.API_AFTER_RECORD)
        if accepted.can_start:
            self.dispatcher.dispatch(model.name)
        self.reach(Failpoint.API_AFTER_DISPATCH)
        log.info("job_accepted", extra={"job_id": accepted.job_id, "model": model.name, "replayed": accepted.replayed})
        return Submitted(job_id=accepted.job_id, new=None if accepted.replayed else self._recorded(job, accepted))

    def _recorded(self, job: NewJob, accepted: Accepted) -> Job:
        usual = self.store.settings.deadline_seconds
        return recorded_job(job, accepted, now=self.clock(), usual_deadline_seconds=usual)

    def _model(self, submission: Submission) -> ModelConfig:
        model = self.catalog.default if submission.model is None else find_model(self.catalog, submission.model)
        if model.embeds is not (submission.type is RequestType.EMBEDDING):
            does = "embeds texts and makes none" if model.embeds else "makes texts and embeds none"
            raise InvalidRequest.of("model", f"{model.name} {does}")
        return model

    def _request(self, submission: Submission, model: ModelConfig) -> InferenceRequest:
        characters = len(submission.prompt) + sum(len(message.content) for message in submission.messages)
        if characters > model.limits.max_prompt_chars:
            raise InvalidRequest.of(
                submission.prompt_field,
                f"has {characters} characters; {model.name} accepts {model.limits.max_prompt_chars}",
            )
        if submission.inputs:
            self._check_inputs(submission, model)
        return InferenceRequest(
            model=model.name,
            type=submission.type,
            prompt=submission.prompt,
            messages=submission.messages,
            inputs=submission.inputs,
            params=self._params(submission, model),
        )

    def _check_inputs(self, submission: Submission, model: ModelConfig) -> None:
        limits, field_name = model.limits, submission.prompt_field
        if len(submission.inputs) > limits.max_inputs:
            raise InvalidRequest.of(
                field_name,
                f"holds {len(submission.inputs)} inputs; {model.name} accepts {limits.max_inputs} in one job",
            )
        for index, given in enumerate(submission.inputs):
            if len(given) > limits.max_prompt_chars:
                what = "characters" if isinstance(given, str) else "tokens"
                raise InvalidRequest.of(
                    f"{field_name}[{index}]",
                    f"has {len(given)} {what}; {model.name} accepts {limits.max_prompt_chars}",
                )

    def _params(self, submission: Submission, model: ModelConfig) -> SamplingParams:
        params = dict(submission.params)
        limit = model.limits.max_tokens
        default = limit if submission.default_max_tokens is None else min(submission.default_max_tokens, limit)
        if params.setdefault("max_tokens", default) > limit:
            raise InvalidRequest.of(
                f"{submission.params_prefix}max_tokens",
                f"is {params['max_tokens']}; {model.name} generates at most {limit} tokens",
            )
        params.setdefault("seed", self.draw_seed())
        return SamplingParams(**params)

    def _deadline(self, submission: Submission) -> float | None:
        if submission.deadline_at is not None and submission.deadline_at <= self.clock():
            raise InvalidRequest.of("deadline", "is not in the future")
        return submission.deadline_at
