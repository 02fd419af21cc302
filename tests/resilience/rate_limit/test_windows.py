from __future__ import annotations

from collections.abc import Callable

import pytest

from resilience.rate_limit.windows import Bucket, Burst, Window


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Window("per minute", 5, 60, "log"), "a window's name"),
        (lambda: Window("", 5, 60, "log"), "a window's name"),
        (lambda: Window("minute", -1, 60, "log"), "limit of minute"),
        (lambda: Window("minute", 2_000_000_000, 60, "log"), "limit of minute"),
        (lambda: Window("minute", 5, 0, "log"), "seconds of minute"),
        (lambda: Window("minute", 5, float("nan"), "log"), "seconds of minute"),
        (lambda: Window("minute", 5, 60, "fixed"), "kind of minute"),  # type: ignore[arg-type]
        (lambda: Window("year", 1_000_000_000, 366 * 86_400, "counter"), "limit of year: is too high"),
        (lambda: Burst("at-once", 0, 1, 5), "rate of at-once"),
        (lambda: Burst("at-once", 5, 1, -1), "burst of at-once"),
        (lambda: Burst("at-once", 1, 366 * 86_400, 1_000), "limit of at-once: is too high"),
        (lambda: Burst("at-once", 1, float("inf"), 5), "seconds of at-once"),
        (lambda: Bucket("", ()), "a bucket's key"),
        (lambda: Bucket("k" * 513, ()), "a bucket's key"),
        (lambda: Bucket("key:\ud800", ()), "a bucket's key"),
        (lambda: Bucket("key:a", (), counted_as="Key:A"), "counted_as of key:a"),
    ],
)
def test_a_limit_that_cannot_be_held_is_refused_by_the_name_of_what_is_wrong(
    make: Callable[[], object], words: str
) -> None:
    with pytest.raises(ValueError, match=f"^{words}"):
        make()


def test_a_burst_is_whole_again_after_as_long_as_its_rate_takes() -> None:
    assert Burst("at-once", 10, 60, 5).whole_seconds == 30
    assert Window("hour", 10, 3600, "counter").whole_seconds == 3600
