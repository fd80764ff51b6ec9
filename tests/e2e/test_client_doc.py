"""The examples of README and of the client's documentation do what they say, against a real daemon."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.daemon import HERE, PHOTOS, Daemon

pytestmark = pytest.mark.model

BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("page", "least"), [("README.md", 1), ("docs/client.md", 9)])
def test_the_examples_run_one_after_the_other(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch, page: str, least: int
) -> None:
    photos = sorted(PHOTOS.iterdir())[:4]
    for photo in photos:
        shutil.copy(photo, daemon.root)
    for name in ("photo.jpg", "query.jpg"):
        shutil.copy(photos[0], daemon.root / name)
    daemon.start()
    daemon.wait()
    monkeypatch.setenv("SIMD_ADDRESS", daemon.address)
    monkeypatch.chdir(daemon.root)
    text = Path(HERE / page).read_text()
    blocks = BLOCK.findall(text)
    assert len(blocks) == text.count("```python") >= least
    names: dict[str, Any] = {}
    for block in blocks:
        line = text[: text.index(block)].count("\n")
        exec(compile("\n" * line + block, page, "exec"), names)
