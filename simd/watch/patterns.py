"""One line of an ignore file, in the syntax and with the meaning that git gives it.

A pattern answers for one file or directory by its path relative to the directory that the pattern belongs to, not for
what is below it: whoever walks a tree does not enter what is ignored, so that nothing below can be brought back. Paths
and patterns are text as `text_of` makes it: UTF-8, with a lone surrogate for each byte that is none.

Two things differ from git, which matches bytes: `?` and `[...]` match a whole character, and a pattern that can never
match anything is an error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_CLASSES = {
    "alnum": "a-zA-Z0-9",
    "alpha": "a-zA-Z",
    "blank": r"\ \t",
    "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9",
    "graph": r"\x21-\x7e",
    "lower": "a-z",
    "print": r"\x20-\x7e",
    "punct": r"\x21-\x2f\x3a-\x40\x5b-\x60\x7b-\x7e",
    "space": r"\x09-\x0d\ ",
    "upper": "A-Z",
    "xdigit": "0-9a-fA-F",
}
_TOKEN = re.compile(r"\*+|\?|\[|\\.|\\|[^*?\[\\]+", re.DOTALL)
_CLASS = re.compile(r"\[:([a-z]*):\]")
_MEMBER = re.compile(r"\\(.)|([^\\])", re.DOTALL)


class BadPattern(ValueError):
    """A pattern that can match nothing, most likely a slip of the pen; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern that was understood.

    `negated` brings back what earlier patterns ignore, `directories` matches nothing else, `by_name` matches a name
    wherever it is; else `regex` is for the whole path.
    """

    text: str
    negated: bool
    directories: bool
    by_name: bool
    regex: re.Pattern[str]

    def matches(self, path: str, is_dir: bool) -> bool:
        """Whether it is about this file or directory itself."""
        if self.directories and not is_dir:
            return False
        return self.regex.fullmatch(path.rpartition("/")[2] if self.by_name else path) is not None


def text_of(path: bytes) -> str:
    """A path or pattern as text, whatever bytes it has."""
    return path.decode("utf-8", "surrogateescape")


def escaped(name: str) -> str:
    """A pattern that matches this text and nothing else."""
    return re.sub(r"[\\*?\[]", r"\\\g<0>", name)


def parse(line: str) -> Pattern | None:
    """What a line says; None for a comment or an empty line.

    Raises:
        BadPattern: it can match nothing.
    """
    text = _trimmed(line)
    if not text or text.startswith("#"):
        return None
    negated = text.startswith("!")
    glob = text[1:] if negated else text
    directories = glob.endswith("/")
    glob = glob.removesuffix("/")
    by_name = "/" not in glob
    glob = glob.removeprefix("/")
    if not glob:
        raise BadPattern("it names nothing")
    if "\0" in glob:
        raise BadPattern("it has a NUL character, which no name has")
    if "//" in glob or glob.endswith("/"):
        raise BadPattern("there is no name between two of its slashes")
    regex = re.compile(_component(glob) if by_name else _whole_path(glob), re.DOTALL)
    return Pattern(text, negated, directories, by_name, regex)


def _trimmed(line: str) -> str:
    """Without the end of the line, and without spaces before it that no backslash protects."""
    line = line.removesuffix("\n").removesuffix("\r")
    bare = line.rstrip(" ")
    escaped = (len(bare) - len(bare.rstrip("\\"))) % 2
    return line[: len(bare) + escaped] if bare != line else line


def _whole_path(glob: str) -> str:
    """The regular expression of a path: `**` stands for any number of components, none of them included."""
    # What stands between two `**` has a fixed number of components, so the first place where it fits is as good as any
    # other. Groups that never try another keep the time linear.
    runs: list[list[str]] = [[]]
    for part in glob.split("/"):
        if len(part) > 1 and not part.strip("*"):
            runs.append([])
        else:
            runs[-1].append(_component(part))
    first, *middle, last = [*runs] if len(runs) > 1 else [runs[0], []]
    found = "/".join(first)
    if len(runs) == 1:
        return found
    found += "/" if first else ""
    found += "".join(f"(?>(?:.*?/)??{'/'.join(run)}/)" for run in middle if run)
    return found + (f"(?:.*/)?{'/'.join(last)}" if last else ".*")


def _component(glob: str) -> str:
    """The regular expression of a name. What stands between two stars is taken where it fits first, as above."""
    chunks = [""]
    at = 0
    while at < len(glob):
        token = _TOKEN.match(glob, at)
        assert token is not None
        at, text = token.end(), token[0]
        if text.startswith("*"):
            chunks.append("")
        elif text == "[":
            members, at = _bracket(glob, at)
            chunks[-1] += members
        elif text == "\\":
            raise BadPattern("a name in it ends with a backslash")
        else:
            chunks[-1] += "[^/]" if text == "?" else re.escape(text[1:] if text.startswith("\\") else text)
    first, *middle = chunks
    if not middle:
        return first
    return first + "".join(f"(?>[^/]*?{chunk})" for chunk in middle[:-1]) + "[^/]*" + middle[-1]


def _bracket(glob: str, at: int) -> tuple[str, int]:
    """The set of characters that begins at `at`, behind its bracket, and where the pattern goes on."""
    members: list[str] = []
    negated = glob[at : at + 1] in ("!", "^")
    first = at = at + negated
    while glob[at : at + 1] != "]" or at == first:
        if named := _CLASS.match(glob, at):
            if named[1] not in _CLASSES:
                raise BadPattern(f"there is no class [:{named[1]}:]")
            members.append(_CLASSES[named[1]])
            at = named.end()
            continue
        low, at = _member(glob, at)
        high = low
        if glob[at : at + 1] == "-" and glob[at + 1 : at + 2] not in ("", "]"):
            high, at = _member(glob, at + 1)
        if low > high:
            raise BadPattern(f"the range {low}-{high} runs backwards")
        members.append(re.escape(low) if low == high else f"{re.escape(low)}-{re.escape(high)}")
    inside = "".join(members)
    # No set holds the slash, which ends a name.
    return (f"(?!/)[^{inside}]" if negated else f"(?!/)[{inside}]"), at + 1


def _member(glob: str, at: int) -> tuple[str, int]:
    """One character of a set."""
    member = _MEMBER.match(glob, at)
    if member is None:
        raise BadPattern("a bracket is not closed")
    return member[1] or member[2], member.end()
