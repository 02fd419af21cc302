"""How often the key at hand may ask."""

from __future__ import annotations

from scripts.test_api.answer import expect
from scripts.test_api.check import case
from scripts.test_api.system import System

LIMITS = "/v1/limits"


@case("limits", f"GET {LIMITS}", "every window, by class of calls")
def look(system: System) -> None:
    first, again = (system.call(f"GET {LIMITS}").expect(200) for _ in range(2))
    expect([one["class"] for one in first["classes"]] == ["submit", "read", "manage"], "other classes")
    for before, after in zip(first["classes"], again["classes"], strict=True):
        for window, later in zip(before["windows"], after["windows"], strict=True):
            expect(0 <= window["remaining"] <= window["limit"], f"{window['name']} has more left than there is")
            expect(later["limit"] == window["limit"], f"{window['name']} has changed")


CASES = (look,)
