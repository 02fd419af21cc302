"""That a job waits because its model fails, among the reasons for which it waits."""

from __future__ import annotations

import math
from dataclasses import replace

from jobs.explanation import Explanation, Reason
from resilience.circuit.permit import Outlook, State

_NEXT = "goes-next"


def with_circuit(explanation: Explanation, outlook: Outlook) -> Explanation:
    """The explanation of a job whose model's circuit stands so; only of one that is queued anything is added.

    When it starts nobody can tell.
    """
    if explanation.situation is None or outlook.state is State.CLOSED:
        return explanation
    others = (reason for reason in explanation.reasons if reason.code != _NEXT)
    place = explanation.situation.place
    unknown = None if place is None else replace(place, eta_seconds=None)
    situation = replace(explanation.situation, place=unknown)
    return replace(explanation, situation=situation, reasons=(_reason(outlook), *others))


def _reason(outlook: Outlook) -> Reason:
    if outlook.state is State.HALF_OPEN:
        return Reason(code="circuit-half-open", message="The model has failed, and is being tried with a few jobs.")
    if outlook.is_forced:
        return Reason(code="circuit-open", message="An operator holds the model back until it is released.")
    seconds = max(1, math.ceil(outlook.retry_after_seconds))
    message = f"The model fails and is left alone; a few jobs try it again in {seconds} s."
    return Reason(code="circuit-open", message=message, detail={"tried_again_in_s": seconds})
