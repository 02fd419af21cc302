"""Limits by one process alone, for while Redis is away: never more than its share of them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from math import inf

from resilience.rate_limit.decision import Decision, WindowState
from resilience.rate_limit.shares import MICROS, BurstShare, Standing, WindowShare
from resilience.rate_limit.windows import AnyWindow, Bucket

Share = WindowShare | BurstShare
_Key = tuple[str, str, str]


class LocalWindows:
    """Each of *nodes* processes lets in a limit divided by their number; `clock` is monotonic.

    Of windows that were taken from, the last *most* are known. One is forgotten, and its share is whole again, once so
    many others have come since; so whatever names come, memory is bounded.
    """

    def __init__(self, clock: Callable[[], float], *, nodes: int, most: int) -> None:
        self._clock = clock
        self._nodes = nodes
        self._most = most
        self._lock = threading.Lock()
        self._shares: OrderedDict[_Key, Share] = OrderedDict()

    def __len__(self) -> int:
        return len(self._shares)

    def take(self, buckets: Sequence[Bucket], cost: int, *, is_look: bool, again_in: float) -> Decision:
        """Take from all windows or from none; a look takes from none.

        A cost that fits into a limit, but not into the share of it, may be tried in *again_in* seconds, when Redis is
        asked next.
        """
        windows = [(bucket, window) for bucket in buckets for window in bucket.windows]
        with self._lock:
            now = round(self._clock() * MICROS)
            shares = [self._shares.get(_key(bucket, window)) or _new(window) for bucket, window in windows]
            standings = self._standings(windows, shares, now=now, cost=cost)
            allowed = all(standing.wait == 0 for standing in standings)
            if allowed and not is_look:
                for (bucket, window), share in zip(windows, shares, strict=True):
                    share.take(window, self._nodes, now=now, cost=cost)
                    self._keep(_key(bucket, window), share)
                states = self._standings(windows, shares, now=now, cost=cost)
            else:
                states = standings
        waits = [_wait(window, one, cost, again_in) for (_, window), one in zip(windows, standings, strict=True)]
        return Decision(
            allowed=allowed,
            states=tuple(
                self._state(bucket, window, one) for (bucket, window), one in zip(windows, states, strict=True)
            ),
            retry_after_seconds=max(waits, default=0.0),
            violated=tuple(window.name for (_, window), wait in zip(windows, waits, strict=True) if wait),
            is_local=True,
        )

    def _standings(
        self, windows: Sequence[tuple[Bucket, AnyWindow]], shares: Sequence[Share], *, now: int, cost: int
    ) -> list[Standing]:
        return [
            share.standing(window, self._nodes, now=now, cost=cost)
            for (_, window), share in zip(windows, shares, strict=True)
        ]

    def _keep(self, key: _Key, share: Share) -> None:
        self._shares[key] = share
        self._shares.move_to_end(key)
        while len(self._shares) > self._most:
            self._shares.popitem(last=False)

    def _state(self, bucket: Bucket, window: AnyWindow, standing: Standing) -> WindowState:
        return WindowState(
            name=window.name,
            bucket_key=bucket.key,
            limit=window.limit // self._nodes,
            seconds=window.whole_seconds,
            remaining=standing.remaining,
            reset_seconds=standing.reset / MICROS,
        )


def _wait(window: AnyWindow, standing: Standing, cost: int, again_in: float) -> float:
    if standing.wait is not None:
        return standing.wait / MICROS
    return max(again_in, 1 / MICROS) if cost <= window.limit else inf


def _key(bucket: Bucket, window: AnyWindow) -> _Key:
    return (bucket.key, window.name, window.kind)


def _new(window: AnyWindow) -> Share:
    return BurstShare() if window.kind == "burst" else WindowShare()
