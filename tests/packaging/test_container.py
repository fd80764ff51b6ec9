"""The image's recipe: nothing is installed that is not pinned, and what it copies is there."""

from __future__ import annotations

import re
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
DOCKERFILE = (REPOSITORY / "Dockerfile").read_text()


def test_every_stage_is_built_on_the_pinned_base() -> None:
    assert re.search(r"^ARG PYTHON_IMAGE=\S+@sha256:[0-9a-f]{64}$", DOCKERFILE, re.MULTILINE)
    stages = re.findall(r"^FROM (\S+) AS (\S+)$", DOCKERFILE, re.MULTILINE)
    known = {"${PYTHON_IMAGE}"}
    for base, name in stages:
        assert base in known
        known.add(name)
    assert {"cpu", "gpu"} <= known


def test_everything_is_installed_by_hash_or_from_what_was_built() -> None:
    installs = re.findall(r"pip (?:install|wheel) [^&\n]*", DOCKERFILE)
    assert len(installs) >= 4
    assert all(re.search("--require-hashes|--no-index|--no-build-isolation", line) for line in installs)


def test_the_context_holds_what_is_copied() -> None:
    sent = re.findall(r"^!(\S+)$", (REPOSITORY / ".dockerignore").read_text(), re.MULTILINE)
    copied = [
        word for line in re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.MULTILINE) for word in line.split()
    ]
    assert copied and all((REPOSITORY / word).exists() for word in copied)
    assert all(any(word == each or word.startswith(f"{each}/") for each in sent) for word in copied)


COMPOSE = (REPOSITORY / "compose.yaml").read_text()


def test_the_page_in_a_container_is_published_on_loopback_sees_the_socket_alone_and_asks_for_a_login() -> None:
    web = COMPOSE[COMPOSE.index("\n  web:\n") : COMPOSE.index("\nnetworks:")]
    assert re.findall(r"^    ports: (.*)$", web, re.MULTILINE) == ['["127.0.0.1:7480:7480"]']
    assert re.findall(r"^      - (.*)$", web, re.MULTILINE) == ["${SIMD_RUN:-./run}:/run/simd"]
    assert "--login-token-file" in web and "read_only: true" in web and "cap_drop: [ALL]" in web
