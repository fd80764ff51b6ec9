"""Whether everybody can use the page, as far as a program can tell: axe-core."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from playwright.sync_api import Page


def complaints(page: Page) -> list[str]:
    """What axe-core calls serious or critical, a line each: the rule, and where."""
    page.evaluate(_axe())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{violation['id']}: {violation['help']}: {', '.join(str(node['target'][0]) for node in violation['nodes'])}"
        for violation in found["violations"]
        if violation["impact"] in ("serious", "critical")
    ]


@cache
def _axe() -> str:
    return (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
