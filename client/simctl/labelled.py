"""What labels and copies say together, as plain Python values."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LabelRow:
    """The labels of one file for an import: `path` says where it is, `image_id` which image it is, 32 hex digits; one
    of them may be empty."""

    labels: tuple[str, ...]
    path: str | bytes = ""
    image_id: str = ""


@dataclass(frozen=True, slots=True)
class LabelImport:
    """What became of an import.

    Attributes:
        by_path: rows whose image was found by their path.
        by_content: rows whose image is known by its content only.
        unmatched: numbers of the rows of which no image is known, from 0: nothing of these was kept.
        added: labels that are new to their image.
        removed: labels that were taken away.
        since: when the import began; what follows as part of the same import is given it.
    """

    by_path: int
    by_content: int
    unmatched: tuple[int, ...]
    added: int
    removed: int
    since: float
