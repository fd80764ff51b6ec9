"""The page's own files: what they name is there, and what they say holds."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from simd.errors import Reason
from simd.web.assets import STATIC
from simd.web.bodies import MAX_UPLOAD_BYTES

SCRIPTS = sorted((STATIC / "js").rglob("*.js"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: str(path.relative_to(STATIC)))
def test_a_module_is_small_and_what_it_imports_is_there(script: Path) -> None:
    text = script.read_text()
    assert text.startswith("// ") and text.count("\n") <= 300
    for imported in re.findall(r"(?:from|import\() ?'([^']+)'", text):
        assert imported.startswith(("./", "../")), imported
        assert (script.parent / imported).is_file(), imported


def test_what_the_document_names_is_there() -> None:
    for named in re.findall(r'(?:href|src)="/static/([^"]+)"', (STATIC / "index.html").read_text()):
        assert (STATIC / named).is_file(), named


def test_what_every_view_needs_is_fetched_at_once() -> None:
    preloaded = re.findall(r'modulepreload" href="/static/js/([^"]+)"', (STATIC / "index.html").read_text())
    needed, met = [STATIC / "js" / "main.js"], set[Path]()
    while needed:
        script = needed.pop()
        named = re.findall(r"^import .* from '([^']+)'", script.read_text(), re.MULTILINE)
        found = {(script.parent / name).resolve() for name in named}
        needed += found - met
        met |= found
    assert set(preloaded) == {str(script.relative_to(STATIC / "js")) for script in met}


def test_every_reason_has_a_remedy_and_no_other() -> None:
    text = (STATIC / "js" / "status" / "remedies.js").read_text()
    told = re.findall(r"^  (\w+): \{\n    title: '[^']+',\n    remedy: '", text, re.MULTILINE)
    assert set(told) == {reason.value for reason in Reason}


def test_what_is_too_large_for_the_server_is_too_large_for_the_page() -> None:
    text = (STATIC / "js" / "shell" / "uploads.js").read_text()
    assert re.findall(r"MAX_BYTES = (.*);", text) == [f"{MAX_UPLOAD_BYTES >> 20} * 2 ** 20"]


def test_a_style_sheet_says_nothing_of_what_another_one_is_about() -> None:
    sheets: dict[str, set[str]] = {}
    for path in (STATIC / "css").glob("*.css"):
        text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)
        for selectors in re.findall(r"([^{}]+)\{", text):
            for name in re.findall(r"(?:^|,)\s*\.([\w-]+)", selectors):
                sheets.setdefault(name, set()).add(path.name)
    assert {name: found for name, found in sheets.items() if len(found) > 1} == {}
