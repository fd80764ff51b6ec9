"""Words for similarities: what people type, and what they read beside the percentages."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import pytest
import simctl
from simctl.similarity import similarity

from tests.serving.doubles import Bench, serving
from tests.simctl.test_cli import document
from tests.simctl.test_cli import simctl as run

RED, REDDISH, GREEN = b"picture 200 10 10", b"picture 190 30 30", b"picture 10 200 10"


@pytest.fixture
def bench() -> Iterator[Bench]:
    with serving() as bench:
        for name, data in {"red": RED, "reddish": REDDISH, "green": GREEN}.items():
            bench.put(f"{name}.jpg", data)
        bench.calibrate()
        yield bench


@pytest.mark.parametrize(("text", "value"), [("near", "near"), ("0.5", 0.5), ("-1", -1.0), ("80%", 0.8), ("80 %", 0.8)])
def test_a_least_similarity_is_a_word_a_number_or_a_percentage(text: str, value: float | str) -> None:
    assert similarity(text) == value


def test_anything_else_is_refused_with_what_is_possible() -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="nearly is neither same, near, similar nor a number"):
        similarity("nearly")


def test_search_prints_the_word_beside_the_percentage(bench: Bench) -> None:
    lines = run(bench.listen, "search", f"{bench.root}/red.jpg").stdout.decode().splitlines()
    assert [line.split()[3] for line in lines[:3]] == ["same", "near", "640x480"]
    assert len({line.index("640x480") for line in lines[:3]}) == 1


def test_search_json_has_the_word_or_null(bench: Bench) -> None:
    found = document(run(bench.listen, "search", "--json", f"{bench.root}/red.jpg"))
    assert [match["level"] for match in found["matches"]] == ["same", "near", None]


@pytest.mark.parametrize(("least", "count"), [("same", 1), ("near", 2), ("95%", 2), ("0", 3)])
def test_search_takes_words_and_percentages(bench: Bench, least: str, count: int) -> None:
    red, green = f"{bench.root}/red.jpg", f"{bench.root}/green.jpg"
    alone = run(bench.listen, "search", "--json", "--min-similarity", least, red)
    assert len(document(alone)["matches"]) == count
    several = run(bench.listen, "search", "--json", "--min-similarity", least, red, green)
    assert len(document(several)[0]["matches"]) == count


def test_the_library_takes_words(bench: Bench) -> None:
    with simctl.Client(bench.listen) as client:
        found = client.search(image=RED, min_similarity="near")
        assert [match.level for match in found.matches] == ["same", "near"]
        [answer] = client.batch_search([simctl.Subject(image=RED)], min_similarity="same")
        assert isinstance(answer.outcome, simctl.SearchResult) and len(answer.outcome.matches) == 1
        levels = client.status().levels
        assert levels is not None and (levels.same, levels.near, levels.similar) == (0.999, 0.95, 0.6)


def test_compare_prints_the_word_and_its_exit_code_follows_one(bench: Bench) -> None:
    pair = f"{bench.root}/red.jpg", f"{bench.root}/reddish.jpg"
    said = run(bench.listen, "compare", *pair).stdout.decode()
    assert said.startswith("similar: looks alike, and no more is known, similarity ")
    assert said.endswith("; near: looks nearly like the same picture\n")
    assert document(run(bench.listen, "compare", "--json", *pair))["level"] == "near"
    for least, code in (("similar", 0), ("near", 0), ("same", 4), ("99.9%", 4)):
        assert run(bench.listen, "compare", *pair, "--min-similarity", least).returncode == code


def test_status_tells_the_levels_of_the_model(bench: Bench) -> None:
    model = document(run(bench.listen, "status", "--json"))["model"]
    assert model["levels"] == {"same": 0.999, "near": 0.95, "similar": 0.6}
    assert b"same from 99.9 %, near from 95 %, similar from 60 %" in run(bench.listen, "status").stdout


def test_a_model_that_is_not_calibrated_refuses_words() -> None:
    with serving() as bench:
        bench.put("red.jpg", RED)
        red = f"{bench.root}/red.jpg"
        for command in (["search", red], ["compare", red, red]):
            done = run(bench.listen, *command, "--min-similarity", "near")
            assert done.returncode == 1
            assert b"is not calibrated" in done.stderr and b"number" in done.stderr
        assert run(bench.listen, "search", red).stdout.split()[:4] == [b"1", b"100", b"%", b"640x480"]
