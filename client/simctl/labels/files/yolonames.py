"""The names of a YOLO data set's classes, by their numbers: from `data.yaml`, or from a file with one on each line.

Of YAML only what such files have is read: `names:` with a list or a mapping, in either of YAML's ways of writing it.
"""

from __future__ import annotations

import os
import re

from simctl.labels.files.lines import problem, text_of

YAMLS = (b"data.yaml", b"data.yml", b"dataset.yaml", b"dataset.yml")
LISTS = (b"classes.txt", b"obj.names", b"classes.names", b"_darknet.labels", b"labels.txt", b"predefined_classes.txt")

_ITEM = re.compile(r"^\s*-\s+(.*)$")
_ENTRY = re.compile(r"""^\s*["']?(\d+)["']?\s*:\s+(.*)$""")
_SINGLE = re.compile(r"'(?:[^']|'')*'")
_DOUBLE = re.compile(r'"(?:[^"\\]|\\.)*"')
_BEFORE_QUOTE = " \t,[{:-"
"""After other signs a quote is one of the text, as in `it's`."""


def find(folders: list[bytes]) -> dict[int, str] | None:
    """The names that are in the first of these folders which has any; None if there are none.

    Raises:
        SimctlError: a file of them cannot be understood.
    """
    for folder in folders:
        for file in (*YAMLS, *LISTS):
            path = os.path.join(folder, file)
            if os.path.isfile(path):
                shown = os.fsdecode(path)
                with open(path, "rb") as stream:
                    text = text_of(stream.read(), shown)
                names = _of_yaml(text, shown) if file in YAMLS else _of_list(text)
                if names:
                    return names
    return None


def _of_list(text: str) -> dict[int, str]:
    return dict(enumerate(line.strip() for line in text.rstrip().splitlines()))


def _of_yaml(text: str, name: str) -> dict[int, str]:
    lines = [_without_comment(line) for line in text.splitlines()]
    at = next((number for number, line in enumerate(lines) if re.match(r"names\s*:", line)), None)
    if at is None:
        return {}
    rest = lines[at].split(":", 1)[1].strip()
    if rest:
        return _of_flow(" ".join([rest, *lines[at + 1 :]]), f"{name}, line {at + 1}")
    names: dict[int, str] = {}
    for number, line in enumerate(lines[at + 1 :], at + 2):
        if not line.strip():
            continue
        if entry := _ENTRY.match(line):
            names[int(entry[1])] = _scalar(entry[2])
        elif item := _ITEM.match(line):
            names[len(names)] = _scalar(item[1])
        elif line[0].isspace():
            raise problem(f"{name}, line {number}", "no name of a class", "each is `- name` or `0: name`")
        else:
            break
    return names


def _of_flow(text: str, where: str) -> dict[int, str]:
    """`[a, 'b']` or `{0: a, 1: b}`."""
    close = {"[": "]", "{": "}"}.get(text[0], "")
    parts, start, at = [], 1, 1
    while close and at < len(text):
        if text[at] in "\"'" and text[at - 1] in _BEFORE_QUOTE:
            at = _after_quote(text, at)
            continue
        if text[at] in (",", close):
            parts.append(text[start:at].strip())
            start = at + 1
            if text[at] == close:
                break
        at += 1
    else:
        raise problem(where, "the names of the classes are no list", "write `names: [first, second]`")
    parts = [one for one in parts if one]
    if close == "]":
        return dict(enumerate(map(_scalar, parts)))
    entries = [_ENTRY.match(one) for one in parts]
    if not all(entries):
        raise problem(where, "the names of the classes have no numbers", "write `names: {0: first, 1: second}`")
    return {int(entry[1]): _scalar(entry[2]) for entry in entries if entry}


def _scalar(text: str) -> str:
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        inner = text[1:-1]
        return inner.replace("''", "'") if text[0] == "'" else re.sub(r"\\(.)", r"\1", inner)
    return text


def _without_comment(line: str) -> str:
    """A line without what follows ` #`, unless that is in quotes."""
    at = 0
    while at < len(line):
        if line[at] in "\"'" and (at == 0 or line[at - 1] in _BEFORE_QUOTE):
            at = _after_quote(line, at)
        elif line[at] == "#" and (at == 0 or line[at - 1].isspace()):
            return line[:at].rstrip()
        else:
            at += 1
    return line.rstrip()


def _after_quote(text: str, at: int) -> int:
    """Where what is quoted from `at` on ends: in single quotes two of them are one, in double ones `\\` escapes."""
    pattern = _SINGLE if text[at] == "'" else _DOUBLE
    found = pattern.match(text, at)
    return found.end() if found else at + 1
