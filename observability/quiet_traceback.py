"""Where an error came from, without what it says: its words may repeat a prompt, an address or a key."""

from __future__ import annotations

import traceback
from collections.abc import Iterator


def quiet_traceback(error: BaseException) -> str:
    """The kind and the places of *error* and of what it came from, the first cause last; of the system also why."""
    return "\n".join(["Traceback, without messages:", *_lines(error, set())])


def _lines(error: BaseException, told: set[int]) -> Iterator[str]:
    told.add(id(error))
    reason = f" ({error.strerror})" if isinstance(error, OSError) and error.strerror else ""
    yield f"{type(error).__module__}.{type(error).__qualname__}{reason}"
    for frame, line in traceback.walk_tb(error.__traceback__):
        yield f"  {frame.f_code.co_filename}:{line} in {frame.f_code.co_name}"
    origin = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if origin is not None and id(origin) not in told:
        yield "from"
        yield from _lines(origin, told)
