"""Sending what a label file says: by path first, and the files that the daemon does not know at their paths by
content."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from simctl.client import Client
from simctl.labels.files.lines import Line
from simctl.labels.labelled import LabelRow

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a label file: how many of its files were matched by path, how many by content, and which were not;
    labels that are new to their image, and labels that were taken away."""

    by_path: int
    by_content: int
    unmatched: list[Line]
    added: int
    removed: int


def send(
    client: Client,
    lines: Sequence[Line],
    *,
    replace: bool,
    dry_run: bool,
    progress: Callable[[str], object],
) -> Imported:
    """Label images.

    Args:
        client: the daemon.
        lines: what the file says.
        replace: take away what labels these images have otherwise.
        dry_run: change nothing, and only tell what would become of it.
        progress: called now and then with a sentence about how far it is.
    """
    known = [line for line in lines if line.path or line.image_id]
    unmatched = [line for line in lines if not (line.path or line.image_id)]
    sent = client.import_labels(
        (LabelRow(line.labels, line.path, line.image_id) for line in known),
        replace=replace,
        dry_run=dry_run,
        progress=lambda done: progress(f"{done:,} of {len(known):,} sent"),
    )
    rows: list[LabelRow] = []
    for at, number in enumerate(sent.unmatched):
        if not at % 100:
            progress(f"{at:,} of {len(sent.unmatched):,} files read that the daemon does not know by path")
        line = known[number]
        image_id = content_of(line.path)
        if image_id is None:
            unmatched.append(line)
        else:
            rows.append(LabelRow(line.labels, line.path, image_id))
    more = client.import_labels(rows, replace=replace, dry_run=dry_run, since=sent.since)
    return Imported(
        sent.by_path + more.by_path,
        sent.by_content + more.by_content,
        unmatched,
        sent.added + more.added,
        sent.removed + more.removed,
    )


def content_of(path: bytes) -> str | None:
    """The image that a file is, 32 hex digits; None if it cannot be read, is empty, or is no file."""
    digest = hashlib.blake2b(digest_size=16)
    try:
        # A pipe would wait for somebody to write to it.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) or not status.st_size:
                return None
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    except OSError:
        return None
    return digest.hexdigest()
