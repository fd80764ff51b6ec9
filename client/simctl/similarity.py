"""A least similarity as people write it."""

from __future__ import annotations

import argparse

WORDS = ("same", "near", "similar")
"""What stands for a similarity that the daemon's model was measured to need; the strictest first."""


def similarity(text: str) -> float | str:
    """A word, or a number from a number or a percentage.

    Raises:
        argparse.ArgumentTypeError: it is none of them.
    """
    if text in WORDS:
        return text
    try:
        return _number(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text} is neither {', '.join(WORDS)} nor a number of -1 to 1 nor a percentage"
        ) from None


def number(text: str) -> float:
    """A number from a number or a percentage.

    Raises:
        argparse.ArgumentTypeError: it is none of them.
    """
    try:
        return _number(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is neither a number nor a percentage") from None


def _number(text: str) -> float:
    digits = text.removesuffix("%")
    return float(digits) / (1 if digits == text else 100)
