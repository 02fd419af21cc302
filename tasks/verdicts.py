"""What the end of an attempt says about its model: what counts for the model's circuit, and what does not.

| the attempt | counts as |
|---|---|
| succeeded | a success |
| failed in its engine, or at the server behind it: down, silent, an error, nonsense, our key not accepted | a failure |
| failed for another reason in the worker | a failure |
| refused, or withheld by a content filter: the request is to blame | nothing |
| cancelled, out of its own time, its lease lost, put back by a shutdown: not the model's doing | nothing |
| put off, for the server asks to be left alone: it was not tried | nothing |

What counts as a failure is tried again; nothing else is.
"""

from __future__ import annotations

from models.engine import EngineBusy, EngineError, GenerationCancelled, RequestRefused
from resilience.circuit.permit import Outcome as Verdict

__all__ = ["Verdict", "verdict_on"]

_OF_ERRORS: dict[type[BaseException], Verdict] = {
    RequestRefused: Verdict.IGNORED,
    GenerationCancelled: Verdict.IGNORED,
    EngineBusy: Verdict.IGNORED,
    EngineError: Verdict.FAILURE,
    Exception: Verdict.FAILURE,
}


def verdict_on(error: Exception | None) -> Verdict:
    """Of an attempt that its engine ended with *error*, or with a completion."""
    if error is None:
        return Verdict.SUCCESS
    return next(_OF_ERRORS[kind] for kind in type(error).__mro__ if kind in _OF_ERRORS)
