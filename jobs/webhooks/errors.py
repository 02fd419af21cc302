"""What the store of webhooks can refuse, named for what the caller must do."""

from __future__ import annotations

from jobs.errors import JobError


class EndpointNotFound(JobError):
    """Raised when a tenant has no such endpoint."""


class ReceiverNotFound(JobError):
    """Raised when a tenant has no such receiver."""


class DeliveryNotFound(JobError):
    """Raised when a tenant has no such delivery, or the log has forgotten it."""


class EndpointLimit(JobError):
    """Raised when a tenant has as many endpoints as it may have."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"there are {limit} endpoints already")
        self.limit = limit


class TooManySecrets(JobError):
    """Raised when so many old secrets are still good that no new one is made before one of them ends."""


class EndpointDisabled(JobError):
    """Raised when what is asked needs an endpoint that is enabled."""


class DeliveryNotReplayable(JobError):
    """Raised when a delivery's endpoint was deleted, or its body was erased with its job."""


class BadSeal(JobError):
    """Raised when a stored secret was sealed with a key that this process does not have."""


class NoSealer(JobError):
    """Raised when there is no key to seal a secret with."""


class EventNotFound(JobError):
    """Raised for what cannot be the id of an event."""
