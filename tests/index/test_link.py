"""The connection to an engine, and its errors in our words."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from simd.errors import ConfigError, InvalidRequest, ReplicaRefused, ReplicaUnavailable
from simd.index.engine.link import RECONNECT_S, EngineLink, Limit


class Clock:
    """A clock that moves when told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class EngineError(Exception):
    """As the engine's client raises them: with its number, or the name of gRPC's status."""

    def __init__(self, code: int | str, message: str) -> None:
        super().__init__(message)
        self.message = message
        self.code = code if isinstance(code, int) else lambda: SimpleNamespace(name=code)


class Engine:
    """Something to connect to.

    Attributes:
        down: what connecting raises.
        clients: how many were made.
        closed: how many of them were closed.
        lost: how often a call was lost.
    """

    def __init__(self) -> None:
        self.clock = Clock()
        self.down: Exception | None = None
        self.clients = self.closed = self.lost = 0
        self.link = EngineLink("milvus:1/photos", self.connect, connect_s=5, lost=self.lose, clock=self.clock)

    def connect(self, seconds: float) -> Engine:
        assert seconds == 5
        self.clients += 1
        if self.down is not None:
            raise self.down
        return self

    def close(self) -> None:
        self.closed += 1

    def lose(self) -> None:
        self.lost += 1

    def call(self, error: Exception | None = None) -> None:
        with self.link.calling() as client:
            assert client is self
            if error is not None:
                raise error


def test_one_client_is_made_when_it_is_needed_and_kept() -> None:
    engine = Engine()
    assert engine.clients == 0
    engine.call()
    with pytest.raises(ReplicaUnavailable):
        engine.call(EngineError("UNAVAILABLE", "connection reset"))
    engine.call()
    assert (engine.clients, engine.closed, engine.lost) == (1, 0, 1)


def test_after_a_failed_attempt_others_are_told_so_at_once_for_a_while() -> None:
    engine = Engine()
    engine.down = EngineError(2, "no route")
    for _ in range(3):
        with pytest.raises(ReplicaUnavailable, match=r"the replica at milvus:1/photos does not answer: no route"):
            engine.call()
    assert engine.clients == 1
    engine.down = None
    engine.clock.now += RECONNECT_S
    engine.call()
    assert engine.clients == 2


def test_a_token_that_is_not_accepted_is_read_anew_with_the_next_call() -> None:
    engine = Engine()
    for error in (EngineError("UNAUTHENTICATED", "who"), EngineError("PERMISSION_DENIED", "no"), EngineError(1400, "")):
        with pytest.raises(ReplicaRefused, match="replica_token_file"):
            engine.call(error)
    assert (engine.clients, engine.closed) == (3, 3)


def test_what_led_to_an_error_counts() -> None:
    engine = Engine()
    engine.down = EngineError(2, "cannot connect")
    engine.down.__cause__ = EngineError("UNAUTHENTICATED", "auth check failure")
    with pytest.raises(ReplicaRefused, match="replica_token_file"):
        engine.call()


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (EngineError(100, "collection not found"), "the collection at milvus:1/photos is not there"),
        (EngineError(101, "collection not loaded"), "is not loaded yet"),
        (EngineError(103, "collection not fully loaded"), "is not loaded yet"),
        (EngineError(65535, "a\nlong\nstory"), "does not answer: a$"),
        (ValueError(), "does not answer: ValueError"),
    ],
)
def test_an_error_of_the_engine_is_told_in_a_sentence(error: Exception, told: str) -> None:
    with pytest.raises(ReplicaUnavailable, match=told):
        Engine().call(error)


def test_what_is_wrong_with_a_question_stays_that() -> None:
    engine = Engine()
    with pytest.raises(InvalidRequest, match="negative"):
        engine.call(InvalidRequest("negative"))
    assert engine.lost == 0


def test_a_token_file_that_cannot_be_read_is_a_refusal_without_its_name() -> None:
    engine = Engine()
    engine.down = ConfigError("cannot read /etc/token", field="replica_token_file")
    with pytest.raises(ReplicaRefused, match="`replica_token_file`") as caught:
        engine.call()
    assert "/etc/token" not in str(caught.value)


def test_a_closed_link_makes_no_other_client() -> None:
    engine = Engine()
    engine.call()
    engine.link.close()
    engine.link.close()
    with pytest.raises(ReplicaUnavailable, match="closed"):
        engine.call()
    assert (engine.clients, engine.closed) == (1, 1)


def test_a_limit_is_what_is_left_and_then_an_error() -> None:
    clock = Clock()
    limit = Limit("milvus:1/photos", 10, clock)
    clock.now = 4
    assert limit.left() == 6
    clock.now = 10
    with pytest.raises(ReplicaUnavailable, match="within 10 s"):
        limit.left()
