"""Writes docs/json.md from docs/simctl.schema.json: what `simctl --json` prints, in words.

With --check: changes nothing, and fails if the page is not what the schema says.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent.parent / "docs"
SCHEMA, PAGE = DOCS / "simctl.schema.json", DOCS / "json.md"

_HEAD = """\
# What simctl prints for programs

With `--json` every command prints one JSON document on stdout and nothing else there; messages for people still go to
stderr, and the exit code is the same as without. With `--jsonl`, which lists of files and of pairs have, it is a
document a line, each as soon as it is known. This page is made by `scripts/json-docs` from
[simctl.schema.json](simctl.schema.json) (JSON Schema 2020-12), which programs can check documents with:
`{"$ref": "simctl.schema.json#/$defs/status"}`.

- Properties without *optional* are always there. New ones may come: pass over what you do not know.
- A path is text; a byte that is not UTF-8 is U+FFFD in it, and then the exact bytes are beside it in base64.
- Everything beyond ASCII is escaped, so no locale can spoil it.
- `simctl export` prints its lines without `--json`, and `--json` makes one document of them; `simctl decide export`
  prints a document always.

Exit codes: 0 done, 1 error, 2 usage, 3 daemon unreachable, 4 nothing found, 5 partly failed. A wrong usage prints no
document.
"""

Schema = dict[str, Any]


def page(defs: dict[str, Schema]) -> str:
    """The whole page."""
    return "\n".join([_HEAD, *(line for schema in defs.values() for line in _section(schema, defs))])


def _section(schema: Schema, defs: dict[str, Schema]) -> Iterator[str]:
    if schema.get("type") == "string":
        # Said where it is used.
        return
    yield f"## {schema['title']}\n"
    if "description" in schema:
        yield f"{schema['description']}\n"
    for form in ("oneOf", "allOf"):
        if form in schema:
            words = [_type(part, defs) for part in schema[form] if "properties" not in part]
            yield f"{' or '.join(words)}{', and:' if form == 'allOf' else '.'}\n"
    for part in (schema, *schema.get("allOf", ())):
        yield from _properties(part, defs)


def _properties(schema: Schema, defs: dict[str, Schema]) -> Iterator[str]:
    if "properties" not in schema:
        return
    yield "| property | type | meaning |\n|---|---|---|"
    for name, about in schema["properties"].items():
        optional = "" if name in schema["required"] else ", optional"
        yield f"| `{name}` | {_type(about, defs)}{optional} | {_meaning(about, defs)} |"
    yield ""


def _meaning(about: Schema, defs: dict[str, Schema]) -> str:
    told = about.get("description") or defs[_name(about)].get("description") or defs[_name(about)]["title"] + "."
    return str(told).replace("|", "\\|")


def _type(about: Schema, defs: dict[str, Schema]) -> str:
    if "$ref" in about:
        schema = defs[_name(about)]
        return "string" if schema.get("type") == "string" else f"[{schema['title']}](#{_anchor(schema['title'])})"
    if "oneOf" in about:
        return " or ".join(_type(part, defs) for part in about["oneOf"])
    if "enum" in about:
        return ", ".join(f"`{value}`" for value in about["enum"])
    if "const" in about:
        return f"`{json.dumps(about['const'])}`"
    if about["type"] == "array":
        return f"array of {_type(about['items'], defs)}"
    if about["type"] == "object":
        return f"object of {_type(about['additionalProperties'], defs)}"
    return " or ".join(about["type"]) if isinstance(about["type"], list) else str(about["type"])


def _name(about: Schema) -> str:
    return str(about["$ref"]).removeprefix("#/$defs/")


def _anchor(title: str) -> str:
    """As Git forges make them."""
    return re.sub(r"[^a-z0-9 _-]", "", title.lower()).replace(" ", "-")


def main() -> int:
    """Write, or compare."""
    text = page(json.loads(SCHEMA.read_text())["$defs"]).rstrip() + "\n"
    if sys.argv[1:] == ["--check"]:
        if not PAGE.exists() or PAGE.read_text() != text:
            print("docs/json.md is not what docs/simctl.schema.json says; run scripts/json-docs", file=sys.stderr)
            return 1
        return 0
    PAGE.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
