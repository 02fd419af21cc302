"""Which requests are traced: a part of all, and no larger one of a caller that traces its own, unless it is trusted."""

from __future__ import annotations

from hashlib import blake2b

_BITS = 64
_LOW = (1 << _BITS) - 1
_SAMPLED = 0x01


class Sampling:
    """Decides by trace ids, so that all requests of a trace are treated alike, and alike by whoever has the *key*.

    An id that a stranger has chosen is hashed with the key: nobody who does not know it can choose one that is sampled.
    """

    def __init__(self, ratio: float, *, trusts_parent: bool, key: bytes) -> None:
        self._bound = round(ratio * (_LOW + 1))
        self._trusts_parent = trusts_parent
        self._key = key

    def takes_new(self, trace_id: int) -> bool:
        """Whether a trace that begins here is recorded; its id is our own."""
        return trace_id & _LOW < self._bound

    def takes_child(self, traceparent: str) -> bool:
        """Whether what a caller has asked for is; what the caller does not record, we do not either."""
        _, trace_id, _, flags = traceparent.split("-")
        if not int(flags, 16) & _SAMPLED:
            return False
        if self._trusts_parent:
            return True
        hashed = blake2b(bytes.fromhex(trace_id), key=self._key, digest_size=_BITS // 8).digest()
        return int.from_bytes(hashed) < self._bound
