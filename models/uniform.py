"""Random numbers that depend on a seed and a token's index alone, so that any attempt can go on anywhere."""

from __future__ import annotations

_MASK = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15
_BITS = 48


def uniform(seed: int, index: int) -> float:
    """A number in [0, 1) for the token at *index*; the same on every machine and in any batch."""
    mixed = _mix((_mix(seed & _MASK) + _GOLDEN * (index + 1)) & _MASK)
    return (mixed >> (64 - _BITS)) / (1 << _BITS)


def _mix(state: int) -> int:
    """The output function of splitmix64."""
    state = ((state + _GOLDEN) ^ (state >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
    state = (state ^ (state >> 27)) * 0x94D049BB133111EB & _MASK
    return state ^ (state >> 31)
