"""How a worker takes messages: for good, since nothing keeps a copy that would have to be released."""

from __future__ import annotations

from celery.worker.request import Request


class UnacknowledgedRequest(Request):
    """A Celery request whose message is gone from the broker once it is read; there is nothing to acknowledge.

    What a worker loses, the sweep finds in the window and publishes again.
    """

    def acknowledge(self) -> None:
        """Note it, and spare the broker a transaction."""
        self.acknowledged = True
