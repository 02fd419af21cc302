"""Makes the secrets that webhooks are signed with; what is stored of them is sealed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from jobs.signature import Secret
from jobs.webhooks.errors import NoSealer
from jobs.webhooks.sealing import Sealer
from jobs.webhooks.secrets_store import OWN, SecretInfo, SecretStore

OVERLAP_SECONDS = 86_400.0


@dataclass(frozen=True, kw_only=True)
class WebhookSecrets:
    """Shows a secret to whoever made it, once; `draw` gives so many random bytes."""

    store: SecretStore
    sealer: Sealer | None
    draw: Callable[[int], bytes]

    def new(self) -> tuple[Secret, bytes]:
        """A secret, and how it is stored. Raises NoSealer."""
        if self.sealer is None:
            raise NoSealer
        secret = Secret.new(self.draw)
        return secret, self.sealer.seal(secret)

    def ensure(self, tenant: str) -> None:
        """Have a secret for the webhooks of the tenant's jobs. Raises NoSealer."""

        def make() -> tuple[bytes, str]:
            secret, sealed = self.new()
            return sealed, secret.hint

        self.store.ensure(tenant, make)

    def find(self, tenant: str) -> SecretInfo | None:
        """What may be told of the secret for the tenant's jobs."""
        return self.store.hint(tenant)

    def hint(self, tenant: str, endpoint_id: str) -> str | None:
        """The end of an endpoint's secret."""
        found = self.store.hint(tenant, endpoint_id)
        return found.hint if found else None

    def rotate(self, tenant: str, *, endpoint_id: str | None = None, keep_old: bool) -> tuple[Secret, SecretInfo]:
        """Make a new secret for an endpoint, or for the tenant's jobs; the old one stays good for 24 hours or ends.

        Raises NoSealer, TooManySecrets or EndpointNotFound.
        """
        secret, sealed = self.new()
        overlap = OVERLAP_SECONDS if keep_old else 0.0
        owner = endpoint_id or OWN
        return secret, self.store.rotate(tenant, sealed, secret.hint, owner=owner, overlap_seconds=overlap)
