"""Which error is which problem: one table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from api import errors as api_errors
from api.files import errors as file_errors
from jobs import errors as job_errors
from jobs.access import errors as key_errors
from jobs.batches import errors as batch_errors
from jobs.files import errors as file_record_errors
from jobs.webhooks import errors as webhook_errors
from storage import errors as storage_errors


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemType:
    """A kind of problem; `retryable` means that the same request may succeed later, as it is."""

    slug: str
    status: HTTPStatus
    title: str
    retryable: bool = False
    retry_after_seconds: int | None = None


MALFORMED_BODY = ProblemType(
    slug="malformed-body", status=HTTPStatus.BAD_REQUEST, title="The body is not of the form we accept."
)
INVALID_REQUEST = ProblemType(
    slug="invalid-request", status=HTTPStatus.UNPROCESSABLE_ENTITY, title="A field has a value that is not accepted."
)
WORKER_LOST = ProblemType(
    slug="worker-lost",
    status=HTTPStatus.INTERNAL_SERVER_ERROR,
    title="The job was lost with its worker too often; it has been set aside.",
)
STREAM_LOST = ProblemType(
    slug="stream-lost",
    status=HTTPStatus.INTERNAL_SERVER_ERROR,
    title="The job lost its worker after readers had seen some of its text, and its model cannot go on from there.",
    retryable=True,
)
PAYLOAD_TOO_LARGE = ProblemType(
    slug="payload-too-large", status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE, title="The body is too large."
)
SLOW_BODY = ProblemType(
    slug="slow-body", status=HTTPStatus.REQUEST_TIMEOUT, title="The body did not arrive in time.", retryable=True
)
FILE_NOT_FOUND = ProblemType(
    slug="file-not-found", status=HTTPStatus.NOT_FOUND, title="No such file, or none any more."
)
NO_SECRET_KEY = ProblemType(
    slug="no-secret-key",
    status=HTTPStatus.SERVICE_UNAVAILABLE,
    title="The server has no key to keep the secrets of webhooks with.",
)
INTERNAL_ERROR = ProblemType(
    slug="internal-error", status=HTTPStatus.INTERNAL_SERVER_ERROR, title="The server met an error of its own."
)

PROBLEMS: Mapping[type[Exception], ProblemType] = {
    api_errors.MalformedBody: MALFORMED_BODY,
    api_errors.UnsupportedBody: ProblemType(
        slug="unsupported-media-type",
        status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        title="The body is not of the kind that is accepted here.",
    ),
    api_errors.SlowBody: SLOW_BODY,
    api_errors.InvalidHeader: ProblemType(
        slug="invalid-header", status=HTTPStatus.BAD_REQUEST, title="A request header has an unusable value."
    ),
    api_errors.InvalidRequest: INVALID_REQUEST,
    api_errors.DeadlineUnmeetable: ProblemType(
        slug="deadline-unmeetable",
        status=HTTPStatus.UNPROCESSABLE_ENTITY,
        title="The job would not be done in time.",
        retryable=True,
    ),
    api_errors.UrlRefused: ProblemType(
        slug="url-not-allowed", status=HTTPStatus.UNPROCESSABLE_ENTITY, title="Nothing is sent to this URL."
    ),
    api_errors.NoWebhookSecret: ProblemType(
        slug="webhook-secret-not-found", status=HTTPStatus.NOT_FOUND, title="There is no secret yet."
    ),
    api_errors.ProbeNotAnswered: ProblemType(
        slug="endpoint-not-reached", status=HTTPStatus.BAD_GATEWAY, title="The endpoint gave no answer."
    ),
    api_errors.ProbeNotSent: ProblemType(
        slug="test-not-sent", status=HTTPStatus.GATEWAY_TIMEOUT, title="No webhook worker has sent the test in time."
    ),
    api_errors.CircuitOpen: ProblemType(
        slug="circuit-open",
        status=HTTPStatus.SERVICE_UNAVAILABLE,
        title="The model fails or is held back, and takes no new jobs for now.",
        retryable=True,
    ),
    api_errors.UnknownCircuit: ProblemType(
        slug="circuit-not-found", status=HTTPStatus.NOT_FOUND, title="There is no such circuit."
    ),
    api_errors.UnknownModel: ProblemType(
        slug="model-not-found", status=HTTPStatus.NOT_FOUND, title="There is no such model."
    ),
    api_errors.NotAuthenticated: ProblemType(
        slug="not-authenticated", status=HTTPStatus.UNAUTHORIZED, title="A valid key is needed."
    ),
    api_errors.ForeignPage: ProblemType(
        slug="foreign-page", status=HTTPStatus.FORBIDDEN, title="The request does not come from a page of this console."
    ),
    api_errors.MissingScope: ProblemType(
        slug="missing-scope", status=HTTPStatus.FORBIDDEN, title="The key may not be used for this."
    ),
    api_errors.TooManyStreams: ProblemType(
        slug="too-many-streams",
        status=HTTPStatus.TOO_MANY_REQUESTS,
        title="As many streams are served as may be.",
        retryable=True,
        retry_after_seconds=5,
    ),
    api_errors.RateLimited: ProblemType(
        slug="rate-limited",
        status=HTTPStatus.TOO_MANY_REQUESTS,
        title="So many requests are more than may be.",
        retryable=True,
    ),
    api_errors.StillRunning: ProblemType(
        slug="still-running",
        status=HTTPStatus.SERVICE_UNAVAILABLE,
        title="The job has not ended in the time that a request may wait; it goes on.",
        retryable=True,
        retry_after_seconds=1,
    ),
    job_errors.JobNotFound: ProblemType(slug="job-not-found", status=HTTPStatus.NOT_FOUND, title="No such job."),
    job_errors.JobRetired: ProblemType(
        slug="result-expired",
        status=HTTPStatus.GONE,
        title="The job was erased because its retention had ended.",
    ),
    job_errors.JobNotFinal: ProblemType(
        slug="job-not-final",
        status=HTTPStatus.CONFLICT,
        title="The job is not final; cancel it first.",
    ),
    job_errors.LineInUse: ProblemType(
        slug="line-in-use",
        status=HTTPStatus.CONFLICT,
        title="The job is a line of a batch that runs and needs its result.",
    ),
    job_errors.JobSucceeded: ProblemType(
        slug="job-succeeded",
        status=HTTPStatus.CONFLICT,
        title="The job has its result; only jobs without one are requeued.",
    ),
    job_errors.NewerRecord: ProblemType(
        slug="newer-record",
        status=HTTPStatus.SERVICE_UNAVAILABLE,
        title="A newer release of the server keeps this job.",
        retryable=True,
        retry_after_seconds=5,
    ),
    job_errors.IdempotencyMismatch: ProblemType(
        slug="idempotency-mismatch",
        status=HTTPStatus.UNPROCESSABLE_ENTITY,
        title="The idempotency key was used for another request.",
    ),
    job_errors.QueueFull: ProblemType(
        slug="queue-full",
        status=HTTPStatus.TOO_MANY_REQUESTS,
        title="The model's queue is full.",
        retryable=True,
        retry_after_seconds=10,
    ),
    job_errors.QuotaExceeded: ProblemType(
        slug="quota-exceeded",
        status=HTTPStatus.TOO_MANY_REQUESTS,
        title="The tenant has used up one of its limits.",
        retryable=True,
        retry_after_seconds=10,
    ),
    job_errors.QuotaTooSmall: ProblemType(
        slug="quota-too-small",
        status=HTTPStatus.TOO_MANY_REQUESTS,
        title="The tenant's limits are too small for this job.",
    ),
    job_errors.ModelDraining: ProblemType(
        slug="model-draining",
        status=HTTPStatus.SERVICE_UNAVAILABLE,
        title="The model is being drained and takes no new jobs.",
        retryable=True,
        retry_after_seconds=60,
    ),
    job_errors.StorageFull: ProblemType(
        slug="storage-full",
        status=HTTPStatus.SERVICE_UNAVAILABLE,
        title="No memory is left to accept jobs.",
        retryable=True,
        retry_after_seconds=30,
    ),
    job_errors.StoreUnavailable: ProblemType(
        slug="store-unavailable",
        status=HTTPStatus.SERVICE_UNAVAILABLE,
        title="The store of jobs does not answer.",
        retryable=True,
        retry_after_seconds=5,
    ),
    job_errors.UnsupportedServer: ProblemType(
        slug="unsupported-server",
        status=HTTPStatus.SERVICE_UNAVAILABLE,
        title="The Redis server cannot keep the promises made for jobs.",
    ),
    key_errors.KeyNotFound: ProblemType(
        slug="key-not-found", status=HTTPStatus.NOT_FOUND, title="No such key, or none any more."
    ),
    key_errors.KeyNotLive: ProblemType(
        slug="key-not-live", status=HTTPStatus.CONFLICT, title="The key has ended; make a new one."
    ),
    key_errors.KeyHasOther: ProblemType(
        slug="key-has-other",
        status=HTTPStatus.CONFLICT,
        title="The key has a predecessor or a successor that is still live; revoke one of the two first.",
    ),
    webhook_errors.EndpointNotFound: ProblemType(
        slug="endpoint-not-found", status=HTTPStatus.NOT_FOUND, title="No such webhook endpoint."
    ),
    webhook_errors.DeliveryNotFound: ProblemType(
        slug="delivery-not-found", status=HTTPStatus.NOT_FOUND, title="No such delivery, or none any more."
    ),
    webhook_errors.EventNotFound: INVALID_REQUEST,
    webhook_errors.EndpointLimit: ProblemType(
        slug="endpoint-limit", status=HTTPStatus.CONFLICT, title="There are as many endpoints as there may be."
    ),
    webhook_errors.TooManySecrets: ProblemType(
        slug="too-many-secrets",
        status=HTTPStatus.CONFLICT,
        title="Too many old secrets are still good; rotate without keeping the old one, or wait for one to end.",
    ),
    webhook_errors.EndpointDisabled: ProblemType(
        slug="endpoint-disabled", status=HTTPStatus.CONFLICT, title="The endpoint is disabled; enable it first."
    ),
    webhook_errors.DeliveryNotReplayable: ProblemType(
        slug="not-replayable",
        status=HTTPStatus.CONFLICT,
        title="The delivery cannot be sent again: its endpoint was deleted, or what it told was erased.",
    ),
    batch_errors.BatchNotFound: ProblemType(
        slug="batch-not-found", status=HTTPStatus.NOT_FOUND, title="No such batch, or none any more."
    ),
    file_errors.FileTooLarge: PAYLOAD_TOO_LARGE,
    file_errors.RangeUnsatisfiable: ProblemType(
        slug="range-unsatisfiable",
        status=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
        title="The bytes that are asked for lie beyond the end.",
    ),
    file_record_errors.FileNotFound: FILE_NOT_FOUND,
    file_record_errors.FileLate: SLOW_BODY,
    file_record_errors.FilesFull: ProblemType(
        slug="files-full",
        status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        title="The tenant's files would have more bytes than they may; delete some first.",
    ),
    storage_errors.FileGone: FILE_NOT_FOUND,
    storage_errors.StorageFull: ProblemType(
        slug="file-storage-full",
        status=HTTPStatus.SERVICE_UNAVAILABLE,
        title="No room is left for files.",
        retryable=True,
        retry_after_seconds=60,
    ),
    storage_errors.StorageError: ProblemType(
        slug="file-storage-unavailable",
        status=HTTPStatus.SERVICE_UNAVAILABLE,
        title="The storage of files does not answer, or cannot be written to.",
        retryable=True,
        retry_after_seconds=5,
    ),
    webhook_errors.NoSealer: NO_SECRET_KEY,
    webhook_errors.BadSeal: NO_SECRET_KEY,
}

OF_STATUS: Mapping[int, ProblemType] = {
    400: ProblemType(slug="bad-request", status=HTTPStatus.BAD_REQUEST, title="The request cannot be read."),
    404: ProblemType(slug="not-found", status=HTTPStatus.NOT_FOUND, title="There is nothing at this address."),
    405: ProblemType(
        slug="method-not-allowed", status=HTTPStatus.METHOD_NOT_ALLOWED, title="The method does not fit this address."
    ),
    413: PAYLOAD_TOO_LARGE,
    500: INTERNAL_ERROR,
}
"""What Flask and Werkzeug refuse by themselves, by status."""

OF_ENDED_JOBS: Mapping[str, ProblemType] = {
    "failed": ProblemType(slug="job-failed", status=HTTPStatus.INTERNAL_SERVER_ERROR, title="The job failed."),
    "refused": ProblemType(
        slug="job-refused", status=HTTPStatus.UNPROCESSABLE_ENTITY, title="The model cannot serve this request."
    ),
    "worker_lost": WORKER_LOST,
    "stream_lost": STREAM_LOST,
    "timeout": ProblemType(
        slug="job-timeout", status=HTTPStatus.GATEWAY_TIMEOUT, title="The job ran into its time limit."
    ),
    "cancelled": ProblemType(slug="job-cancelled", status=HTTPStatus.CONFLICT, title="The job was cancelled."),
    "expired": ProblemType(
        slug="job-expired", status=HTTPStatus.GATEWAY_TIMEOUT, title="The job's deadline passed before its result."
    ),
}
"""How a job can end without a result."""


def find_problem_type(error: Exception) -> ProblemType:
    """The row of *error*, or of the nearest class that it derives from."""
    for kind in type(error).__mro__:
        if kind in PROBLEMS:
            return PROBLEMS[kind]
    return INTERNAL_ERROR
