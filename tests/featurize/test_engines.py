from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simd.errors import ConfigError, ModelError
from simd.featurize.decode.decode import DecodeLimits, decode
from simd.featurize.engines.base import Raw
from simd.featurize.engines.child import ChildEngine
from simd.featurize.engines.choose import choose, open_engine, open_query_engines
from simd.featurize.engines.openvino import OpenVinoEngine
from simd.featurize.featurizer import Featurizer
from simd.featurize.models.model import Model, describe, load, resolve
from simd.featurize.models.registry import EMBEDDED
from simd.featurize.priority import Priority
from simd.types import Pixels

DAISY = 985
BELL_COTE, MONASTERY, PALACE = 442, 663, 698
NAMES = ("flower.jpg", "china.jpg", "chelsea.jpg", "coffee.jpg", "astronaut.jpg")


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30.0
    while not condition():
        assert time.monotonic() < deadline, "it never came about"
        time.sleep(0.02)


def policies(engine: ChildEngine) -> set[int]:
    """How the threads of an engine's process are scheduled."""
    return {os.sched_getscheduler(int(task)) for task in os.listdir(f"/proc/{engine.pid}/task")}


def device(system: Path, *parts: str) -> Path:
    path = system.joinpath(*parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return system


def test_a_machine_without_a_gpu_computes_on_its_cpu_and_says_why(tmp_path: Path) -> None:
    choice = choose("auto", tmp_path)
    assert (choice.device, choice.engine) == ("cpu", "openvino")
    assert choice.reason == "cpu: no NVIDIA device found"


def test_a_gpu_that_is_demanded_but_not_there_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="NVIDIA") as caught:
        choose("gpu", tmp_path)
    assert caught.value.field == "device" and caught.value.remedy


@pytest.mark.parametrize("parts", [("dev", "nvidia0"), ("proc", "driver", "nvidia", "gpus", "0000:01:00.0")])
def test_a_gpu_is_seen_by_its_drivers_files(tmp_path: Path, parts: tuple[str, ...]) -> None:
    system = device(tmp_path, *parts)
    for setting in ("auto", "gpu"):
        choice = choose(setting, system)
        assert (choice.device, choice.engine) == ("gpu", "tensorflow")
        assert parts[-1] in choice.reason
    assert choose("cpu", system).device == "cpu"


def test_a_model_that_runs_on_cpus_only_uses_no_gpu_and_says_so(tmp_path: Path) -> None:
    assert choose("auto", tmp_path, onnx=True).reason == "cpu: no NVIDIA device found"
    choice = choose("auto", device(tmp_path, "dev", "nvidia0"), onnx=True)
    assert (choice.device, choice.engine) == ("cpu", "onnxruntime")
    assert "nvidia0 is not used" in choice.reason
    with pytest.raises(ConfigError, match="ONNX"):
        choose("gpu", tmp_path, onnx=True)


def test_a_control_node_alone_is_no_gpu(tmp_path: Path) -> None:
    assert choose("auto", device(tmp_path, "dev", "nvidiactl")).device == "cpu"


@pytest.fixture(scope="module")
def batch(photos: Path) -> Pixels:
    limits = DecodeLimits(1 << 24, 1 << 24)
    return np.stack([decode((photos / name).read_bytes(), (224, 224), limits).pixels for name in NAMES])


@pytest.fixture(scope="module")
def openvino(model: Model) -> Iterator[OpenVinoEngine]:
    engine = OpenVinoEngine(model, threads=1, throughput=False)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def classifier(imagenet: Model) -> Iterator[ChildEngine]:
    engine = ChildEngine(imagenet, device="cpu", signature="classify")
    yield engine
    engine.close()


@pytest.mark.model
def test_the_classifier_names_what_real_photographs_show(classifier: ChildEngine, batch: Pixels) -> None:
    flower, china = classifier.run(batch[:2])
    assert policies(classifier) == {os.SCHED_OTHER}, "nobody asked it to step back"
    assert flower.shape == (1000,)
    assert flower.argmax() == DAISY
    assert china.argmax() == BELL_COTE
    assert {BELL_COTE, MONASTERY, PALACE} <= set(china.argsort()[-5:])


@pytest.mark.model
@pytest.mark.parametrize("name", EMBEDDED)
def test_engines_agree_on_real_photographs_and_give_the_golden_vectors(
    name: str, models_dir: Path, batch: Pixels
) -> None:
    model = resolve(name, models_dir)
    openvino, tensorflow = OpenVinoEngine(model, threads=1, throughput=False), ChildEngine(model, device="cpu")
    try:
        ours, theirs = openvino.run(batch), tensorflow.run(batch)
        for engine in (openvino, tensorflow):
            Featurizer(engine, model).self_check()
    finally:
        tensorflow.close()
        openvino.close()
    cosines = (ours * theirs).sum(1) / np.linalg.norm(ours, axis=1) / np.linalg.norm(theirs, axis=1)
    assert cosines.min() >= 0.9999


@pytest.mark.model
def test_queries_and_indexing_compute_the_very_same_vectors(
    model: Model, openvino: OpenVinoEngine, batch: Pixels
) -> None:
    streams = OpenVinoEngine(model, threads=2, throughput=True)
    many = np.concatenate([batch] * 5)
    vectors = Featurizer(streams, model).embed(many)
    streams.close()
    singly = [Featurizer(openvino, model).embed(picture[None])[0] for picture in batch]
    assert np.array_equal(vectors, np.stack(singly * 5))


@pytest.mark.model
def test_threads_may_share_an_engine(openvino: OpenVinoEngine, batch: Pixels) -> None:
    expected = openvino.run(batch)
    with ThreadPoolExecutor(8) as threads:
        for row, out in enumerate(threads.map(lambda n: openvino.run(batch[n % 5 : n % 5 + 1]), range(40))):
            assert np.array_equal(out[0], expected[row % 5])


@pytest.mark.model
def test_calls_share_the_streams_of_an_engine(model: Model, openvino: OpenVinoEngine, batch: Pixels) -> None:
    expected = openvino.run(batch)
    streams = OpenVinoEngine(model, threads=3, throughput=True)
    with ThreadPoolExecutor(8) as threads:
        for n, out in enumerate(threads.map(lambda n: streams.run(batch[: n % 5 + 1]), range(40))):
            assert np.array_equal(out, expected[: n % 5 + 1])
    streams.close()


@pytest.mark.model
def test_more_pictures_than_requests_come_in_their_order(model: Model, openvino: OpenVinoEngine, batch: Pixels) -> None:
    expected = openvino.run(batch)
    rows = np.arange(19) % len(batch)
    single = OpenVinoEngine(model, threads=1, throughput=True)
    assert np.array_equal(single.run(batch[rows]), expected[rows])
    single.close()


@pytest.mark.model
def test_closing_an_engine_waits_for_the_call_under_way_and_refuses_those_that_wait(
    model: Model, openvino: OpenVinoEngine, batch: Pixels
) -> None:
    engine = OpenVinoEngine(model, threads=1, throughput=True)
    # More than are computed at once, so that nothing is left for another call.
    many = np.concatenate([batch] * 4)
    held, hold = threading.Event(), threading.Event()
    order: list[str] = []

    class Held(list[Pixels]):
        """Pictures that nobody gets before `hold` is set."""

        def __getitem__(self, index: Any) -> Any:
            held.set()
            assert hold.wait(30)
            return super().__getitem__(index)

    def run() -> Raw:
        out = engine.run(Held(many))
        order.append("ran")
        return out

    def close() -> None:
        engine.close()
        order.append("closed")

    with ThreadPoolExecutor(3) as threads:
        running = threads.submit(run)
        assert held.wait(30)
        waiting, closing = threads.submit(engine.run, batch), threads.submit(close)
        try:
            error = waiting.exception(30)
        finally:
            hold.set()
        assert isinstance(error, ModelError) and "closed" in str(error)
        assert np.array_equal(running.result(30), openvino.run(many))
        closing.result(30)
    assert order == ["ran", "closed"]
    engine.close()


@pytest.mark.model
def test_a_query_alone_and_queries_together_get_the_very_same_vectors(model: Model, batch: Pixels) -> None:
    engines = open_query_engines(model, threads=2)
    featurizer = Featurizer(engines.many, model, engines.alone)
    together = featurizer.embed(batch)
    alone = [featurizer.embed(picture[None], alone=True)[0] for picture in batch]
    featurizer.close()
    assert np.array_equal(together, np.stack(alone))


@pytest.mark.model
def test_a_closed_engine_says_so(model: Model, batch: Pixels) -> None:
    engine = OpenVinoEngine(model, threads=1, throughput=False)
    engine.close()
    with pytest.raises(ModelError, match="closed"):
        engine.run(batch)


@pytest.fixture
def copied(model: Model, tmp_path: Path) -> Path:
    return Path(shutil.copytree(model.directory, tmp_path / "copy"))


@pytest.mark.model
def test_a_wrong_value_range_is_refused_at_the_start(model: Model, copied: Path) -> None:
    describe(replace(model.spec, name="wrong range", value_range=(0.0, 1.0)), copied)
    wrong = load(copied)
    featurizer = Featurizer(OpenVinoEngine(wrong, threads=1, throughput=False), wrong)
    with pytest.raises(ModelError, match="value range"):
        featurizer.self_check()


@pytest.mark.model
def test_a_value_range_is_applied_alike_by_both_engines(model: Model, copied: Path, batch: Pixels) -> None:
    describe(replace(model.spec, name="other range", value_range=(-20.0, 300.0)), copied)
    other = load(copied)
    child = ChildEngine(other, device="cpu", priority=Priority.IDLE)
    try:
        ours, theirs = OpenVinoEngine(other, threads=1, throughput=False).run(batch), child.run(batch)
        assert policies(child) == {os.SCHED_IDLE}, "the process of indexing steps back"
    finally:
        child.close()
    assert np.allclose(ours, theirs, rtol=1e-3, atol=1e-3)


@pytest.mark.model
def test_a_model_that_is_not_as_described_is_refused(model: Model, copied: Path) -> None:
    describe(replace(model.spec, dimension=1000), copied)
    with pytest.raises(ModelError, match=str(model.spec.dimension)):
        OpenVinoEngine(load(copied), threads=1, throughput=False)
    (copied / "saved_model.pb").write_bytes(b"no graph")
    describe(model.spec, copied)
    with pytest.raises(ModelError, match="OpenVINO cannot load"):
        OpenVinoEngine(load(copied), threads=1, throughput=False)
    child = ChildEngine(load(copied), device="cpu")
    with pytest.raises(ModelError, match="TensorFlow cannot load"):
        child.start()
    child.close()


@pytest.mark.model
def test_the_child_ends_when_idle_and_starts_again(model: Model, batch: Pixels) -> None:
    engine = ChildEngine(model, device="cpu", idle_s=0.2)
    try:
        assert engine.pid is None
        first = engine.run(batch)
        eventually(lambda: engine.pid is None)
        assert np.array_equal(engine.run(batch), first)
    finally:
        engine.close()


@pytest.mark.model
def test_a_child_that_was_killed_is_replaced_by_one_that_steps_back_as_far(model: Model, batch: Pixels) -> None:
    engine = ChildEngine(model, device="cpu", priority=Priority.LOW)
    try:
        first = engine.run(batch)
        pid = engine.pid
        assert pid is not None and policies(engine) == {os.SCHED_BATCH}
        os.kill(pid, signal.SIGKILL)
        assert np.array_equal(engine.run(batch), first)
        assert engine.pid not in (None, pid) and policies(engine) == {os.SCHED_BATCH}
    finally:
        engine.close()
    with pytest.raises(ModelError, match="closed"):
        engine.run(batch)


@pytest.mark.model
@pytest.mark.skipif(choose("auto").device == "gpu", reason="this machine has a GPU")
def test_a_gpu_that_does_not_work_is_said_and_the_cpu_taken_unless_it_is_demanded(model: Model, tmp_path: Path) -> None:
    system = device(tmp_path, "dev", "nvidia0")
    opened = open_engine(model, "auto", threads=1, system=system)
    assert opened.engine.name == "openvino"
    assert opened.choice.reason.startswith("cpu: the GPU cannot be used: TensorFlow sees no GPU")
    opened.engine.close()
    with pytest.raises(ModelError, match="sees no GPU"):
        open_engine(model, "gpu", threads=1, system=system)
