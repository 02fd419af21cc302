"""What Redis still holds: work to do, what was counted, and traces of what is over."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from redis import Redis

from jobs.keys import Keys
from jobs.usage import UsageReader, Used, day_of
from tasks.app import WEBHOOKS

CountedAs = tuple[str, str, str]
"""The outcome, the id of the API key and the model."""


class Remains:
    """Looks at the record of one tenant, whose jobs are all for one model."""

    def __init__(self, client: Redis, keys: Keys, *, tenant: str, model: str) -> None:
        self._client = client
        self._keys = keys
        self._tenant = tenant
        self._model = model

    def work(self) -> dict[str, object]:
        """Everything that says that there is something to do."""
        client, keys, model = self._client, self._keys, self._model
        left: dict[str, object] = {
            "watch": client.zrange(keys.name("watch"), 0, -1),
            "queues": self.named(f"m:{model}:queue*"),
            "flows": [*self.named(f"m:{model}:flows:*"), *self.named(f"m:{model}:idle")],
            "window": client.hgetall(keys.model(model, "window")),
            "running": client.smembers(keys.model(model, "running")),
            "interactive": client.smembers(keys.model(model, "interactive")),
            "leaders and followers": [*self.named("t:*:same:*"), *self.named("t:*:followers:*")],
            "held by workers": self.named("w:*:jobs"),
            "receivers to look at": client.zrange(keys.name("hooks"), 0, -1),
            "deliveries under way": client.zrange(keys.name("flights"), 0, -1),
            "deliveries in their places": [*self.named("t:*:due:*"), *self.named("t:*:flying:*")],
            "held by senders": self.named("s:*:flights"),
            "messages": client.lrange(f"frontier.{model}", 0, -1),
            "messages of deliveries": client.lrange(WEBHOOKS, 0, -1),
            "messages in hand": list(client.scan_iter("unacked*")),
            "waiting": client.hgetall(keys.model(model, "waiting")),
            "delayed": client.hgetall(keys.model(model, "delayed")),
        }
        return {name: what for name, what in left.items() if what}

    def named(self, pattern: str) -> list[str]:
        """Keys of ours, without what all of them begin with."""
        found = self._client.scan_iter(self._keys.prefix + pattern)
        return [key.decode().removeprefix(self._keys.prefix) for key in found]

    def counted(self, instants: Iterable[float]) -> dict[CountedAs, Used]:
        """What the tenant has used from the first to the last day on which these instants are."""
        counted: dict[CountedAs, Used] = {}
        days = [day_of(instant) for instant in instants]
        for row in UsageReader(self._client).rows(min(days), max(days), tenant=self._tenant):
            kind = (row.outcome, row.key_id, row.model)
            counted[kind] = counted.get(kind, Used()) + row.used
        return counted

    def spent(self) -> int:
        """The tokens that the tenant has been charged, of whatever day."""
        days: Any = [self._client.get(self._keys.prefix + key) for key in self._budgets() if "tokens_per_day" in key]
        return sum(map(int, days))

    def forget_what_was_counted(self) -> None:
        """Have the next test begin at nothing."""
        for name in (*self.named(f"t:{self._tenant}:usage:*"), *self._budgets()):
            self._client.delete(self._keys.prefix + name)

    def _budgets(self) -> list[str]:
        return self.named(f"t:{self._tenant}:spent:*")
