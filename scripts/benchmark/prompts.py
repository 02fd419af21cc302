"""Prompts of a wanted length, made of common words in random order."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

WORDS = tuple(
    """
    the and to of my a you that in is not with it for me your his be he this but have as thou him so will what her
    no  all by do shall if are we thee on our now good lord come well would more from then how am at she they love
    man  here sir may was must when know there see one let say king first us make than an yet like upon or such were
    night  day death heart father son brother give take speak hear go tell think life world time true sweet noble
    poor old  men hand eyes fair heaven blood name honour grace house friend crown sword peace war land earth sea
    sun moon star
    """.split()  # noqa: SIM905 - a list of a hundred literals says no more
)


def prompt_of_chars(chars: int, random: Random) -> str:
    """Exactly *chars* characters."""
    words: list[str] = []
    length = 0
    while length < chars:
        words.append(random.choice(WORDS))
        length += len(words[-1]) + 1
    return " ".join(words)[:chars].ljust(chars, ".")


def random_text(alphabet: Sequence[str], chars: int, random: Random) -> str:
    """So many characters, each as likely as the others: hardly any two texts have more in common than letters."""
    return "".join(random.choices(alphabet, k=chars))


def prompt_of_words(count: int, random: Random) -> str:
    """So many words."""
    return " ".join(random.choices(WORDS, k=count))
