from __future__ import annotations

import secrets as randomness
import subprocess
import sys

import pytest

from jobs.environment import SettingError
from jobs.signature import Secret
from jobs.webhooks.errors import BadSeal
from jobs.webhooks.sealing import MAKE_ONE, Sealer, new_key

SECRET = Secret.new(randomness.token_bytes)


def test_what_was_sealed_opens_with_the_same_key_and_cannot_be_read_without() -> None:
    key = new_key()
    sealed = Sealer([key]).seal(SECRET)
    assert Sealer([key]).unseal(sealed) == SECRET
    assert SECRET.key not in sealed
    assert SECRET.text.encode() not in sealed


def test_the_same_secret_is_sealed_to_something_else_each_time() -> None:
    sealer = Sealer([new_key()])
    assert sealer.seal(SECRET) != sealer.seal(SECRET)


def test_another_key_does_not_open_it() -> None:
    sealed = Sealer([new_key()]).seal(SECRET)
    with pytest.raises(BadSeal, match="FRONTIER_SECRET_KEY"):
        Sealer([new_key()]).unseal(sealed)


def test_the_newest_key_seals_and_the_older_ones_still_open() -> None:
    old, new = new_key(), new_key()
    both = Sealer([new, old])
    assert both.unseal(Sealer([old]).seal(SECRET)) == SECRET
    assert Sealer([new]).unseal(both.seal(SECRET)) == SECRET
    with pytest.raises(BadSeal):
        Sealer([old]).unseal(both.seal(SECRET))


def test_what_was_changed_in_any_byte_does_not_open() -> None:
    sealer = Sealer([new_key()])
    sealed = sealer.seal(SECRET).rstrip(b"=")
    for place in range(len(sealed) - 1):
        changed = bytearray(sealed)
        changed[place] = ord("A") if changed[place] != ord("A") else ord("B")
        with pytest.raises(BadSeal):
            sealer.unseal(bytes(changed) + b"=" * (-len(sealed) % 4))


@pytest.mark.parametrize(
    "sealed", [b"", b"gAAAA", b"\xff\x00", SECRET.key], ids=["empty", "short", "no base64", "an open secret"]
)
def test_what_no_sealer_has_made_does_not_open(sealed: bytes) -> None:
    with pytest.raises(BadSeal):
        Sealer([new_key()]).unseal(sealed)


@pytest.mark.parametrize("env", [{}, {"FRONTIER_SECRET_KEY": ""}])
def test_without_a_key_there_is_no_sealer(env: dict[str, str]) -> None:
    assert Sealer.from_env(env) is None


def test_the_environment_gives_one_key_or_several() -> None:
    old, new = new_key(), new_key()
    sealed = Sealer([old]).seal(SECRET)
    for value in (old, f"{new},{old}", f" {new} , {old}\n"):
        sealer = Sealer.from_env({"FRONTIER_SECRET_KEY": value})
        assert sealer is not None
        assert sealer.unseal(sealed) == SECRET


KEY = new_key()


@pytest.mark.parametrize(
    "value",
    ["secret", KEY[:-2], KEY + "A", f"{KEY},", f"{KEY} {KEY}", ",", "é" * 43 + "="],
    ids=["a word", "too short", "too long", "an empty second", "no comma", "two empty", "no ASCII"],
)
def test_a_key_that_is_none_is_refused_with_how_to_make_one_and_never_shown(value: str) -> None:
    with pytest.raises(SettingError) as refused:
        Sealer.from_env({"FRONTIER_SECRET_KEY": value})
    assert str(refused.value).startswith("FRONTIER_SECRET_KEY: ")
    assert MAKE_ONE in str(refused.value)
    assert KEY[:-2] not in str(refused.value)


def test_the_command_that_the_message_names_makes_a_key() -> None:
    command = MAKE_ONE.replace("python3", sys.executable, 1)
    printed = subprocess.run(["sh", "-c", command], check=True, capture_output=True, text=True).stdout
    sealer = Sealer.from_env({"FRONTIER_SECRET_KEY": printed.strip()})
    assert sealer is not None
    assert sealer.unseal(sealer.seal(SECRET)) == SECRET
