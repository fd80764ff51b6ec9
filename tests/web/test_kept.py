"""Pictures that are kept: found again, no more than fit, and not for ever."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from simd.web.kept import Answer, Kept


class Clock:
    """Goes forward when a test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def answer(size: int) -> Answer:
    return Answer(bytes(size), "image/jpeg")


def test_what_is_too_old_is_asked_for_anew() -> None:
    clock = Clock()
    kept: Kept[str] = Kept(10_000, 300.0, clock)
    kept.put("a", answer(1))
    clock.now = 299.0
    assert kept.get("a") == answer(1)
    clock.now = 300.0
    assert kept.get("a") is None
    assert kept.get("a") is None


def test_what_was_not_asked_for_the_longest_goes() -> None:
    kept: Kept[str] = Kept(3_000, 300.0, Clock())
    kept.put("a", answer(1_000))
    kept.put("b", answer(1_000))
    assert kept.get("a")
    kept.put("c", answer(1_000))
    assert kept.get("b") is None
    assert kept.get("a") and kept.get("c")


def test_what_never_fits_takes_nobodys_room() -> None:
    kept: Kept[str] = Kept(3_000, 300.0, Clock())
    kept.put("a", answer(1_000))
    kept.put("b", answer(3_000))
    assert kept.get("a") and kept.get("b") is None


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2_000)), max_size=60))
def test_it_never_holds_more_than_it_may(puts: list[tuple[int, int]]) -> None:
    kept: Kept[int] = Kept(4_000, 300.0, Clock())
    for key, size in puts:
        kept.put(key, answer(size))
        held = [found for one in range(6) if (found := kept.get(one))]
        assert sum(len(one.data) for one in held) <= 4_000
    if puts:
        assert kept.get(puts[-1][0]) == answer(puts[-1][1])
