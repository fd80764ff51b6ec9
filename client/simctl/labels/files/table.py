"""Tables of `path,label`: CSV with commas, semicolons, tabs or bars, with a header or without."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import islice

from simctl.errors import SimctlError
from simctl.labels.files.lines import Line, Parsed, Places, problem

DELIMITERS = ",;\t|"

_PATHS = ("path", "file", "filename", "file_name", "filepath", "file_path", "image", "image_path", "img", "name")
_LABELS = ("label", "labels", "class", "class_name", "classname", "category", "category_name", "tag", "target")
_LOOKED_AT = 200
"""Lines from which the delimiter is guessed."""

_Row = tuple[int, list[str]]
"""The number of its first line, and its cells."""


def parse(text: str, name: str, places: Places) -> Parsed:
    """The lines of a table.

    Raises:
        SimctlError: it is no such table.
    """
    delimiter = _delimiter(text, name)
    rows = _rows(text, delimiter, name)
    first = next(rows, None)
    if first is None:
        raise problem(name, "it is empty", "each line is a path and a label")
    header = [cell.strip().casefold() for cell in first[1]]
    at, label_at = _column(header, _PATHS), _column(header, _LABELS)
    if (at is None) != (label_at is None) and len(header) > 2:
        lacks, names = ("path", _PATHS) if at is None else ("label", _LABELS)
        raise problem(f"{name}, line 1", f"no column is called {lacks}", f"call it so, or one of {', '.join(names)}")
    if at is None or label_at is None:
        if len(header) != 2:
            raise problem(
                f"{name}, line {first[0]}",
                f"it has {len(header)} columns and no header tells which are meant",
                "begin with the line `path,label`, or leave two columns",
            )
        return _parsed(iter([first, *rows]), 0, 1, name, places)
    return _parsed(rows, at, label_at, name, places)


def _parsed(rows: Iterator[_Row], at: int, label_at: int, name: str, places: Places) -> Parsed:
    lines: list[Line] = []
    without = 0
    for number, cells in rows:
        where = f"{name}, line {number}"
        if len(cells) <= max(at, label_at):
            raise problem(
                where, f"{len(cells)} columns where {max(at, label_at) + 1} are needed", "is a quote missing?"
            )
        file = cells[at]
        if not file:
            raise problem(where, "no path")
        if cells[label_at].strip():
            lines.append(Line(where, file, places.path(file), (cells[label_at],)))
        else:
            without += 1
    return Parsed(lines, without)


def _rows(text: str, delimiter: str, name: str) -> Iterator[_Row]:
    reader = csv.reader(_lines(text), delimiter=delimiter, strict=True)
    number = 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise problem(f"{name}, line {number}", f"{error}", "quotes inside quotes are doubled") from error
        if any(cells):
            yield number, cells
        number = reader.line_num + 1


def _lines(text: str) -> Iterator[str]:
    """Lines with their ends; a return alone ends one only where no newline does."""
    end = "\n" if "\n" in text or "\r" not in text else "\r"
    start = 0
    while start < len(text):
        stop = text.find(end, start) + 1 or len(text)
        yield text[start:stop]
        start = stop


def _delimiter(text: str, name: str) -> str:
    """What divides the cells: what gives the first lines the same number of them, at least two."""
    best, most = "", 0.0
    for delimiter in DELIMITERS:
        counts: list[int] = []
        try:
            for _, cells in islice(_rows(text, delimiter, name), _LOOKED_AT):
                counts.append(len(cells))
        except SimctlError:
            # It may be wrong further down; what is, is said where it is read.
            pass
        alike = counts.count(counts[0]) / len(counts) if counts and counts[0] > 1 else 0.0
        if alike > most:
            best, most = delimiter, alike
    if best:
        return best
    for _ in _rows(text, ",", name):
        raise problem(f"{name}, line 1", "it has one column", "each line is a path and a label, with a comma between")
    return ","


def _column(header: list[str], names: tuple[str, ...]) -> int | None:
    return next((header.index(name) for name in names if name in header), None)
