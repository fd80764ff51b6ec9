"""Whatever is sent to it, the daemon lives, keeps its memory and its index, and answers or refuses with a reason."""

from __future__ import annotations

import io
import random
import re
import shutil
import socket
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import grpc
import pytest
import simctl
from PIL import Image

from tests.e2e.daemon import PHOTOS, Daemon
from tests.e2e.fuzzer import Fuzzer, Method, contract

pytestmark = [pytest.mark.model, pytest.mark.timeout(300)]

TOKEN, WRONG = "fuzz" * 8, "zzuf" * 8
NAMES = ("owl.jpg", "coffee.jpg", "china.jpg", "horses.jpg", "kitten.jpg")
THREADS = 4
PATIENCE_S = 60.0
MIB = 1 << 20
MAX_REQUEST = MIB
ALLOWED = {
    grpc.StatusCode.OK,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.OUT_OF_RANGE,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.UNIMPLEMENTED,
}
"""What an honest caller may be told; INTERNAL and UNKNOWN are bugs, UNAVAILABLE is a daemon that died."""


class Target:
    """A daemon with pictures and a token, and what was true of it before."""

    def __init__(self, daemon: Daemon) -> None:
        self.daemon = daemon
        self.scratch = daemon.work / "scratch"
        (self.scratch / "sub").mkdir(parents=True)
        shutil.copy(PHOTOS / "macaw.jpg", self.scratch / "a.jpg")
        Image.new("RGB", (40, 30), "teal").save(self.scratch / "sub/b.png")
        self.token_file = daemon.work / "token"
        self.token_file.write_text(TOKEN)
        self.token_file.chmod(0o600)
        for name in NAMES:
            shutil.copy(PHOTOS / name, daemon.root)
        daemon.start(env={"SIMD_TOKEN_FILE": str(self.token_file), "SIMD_MAX_REQUEST_BYTES": str(MAX_REQUEST)})
        with self.client() as client:
            assert client.wait(120).settled
            self.answers = self.searched(client)
            self.ids = [match.image_id for match in client.search(image=(PHOTOS / NAMES[0]).read_bytes()).matches]
            client.add([self.scratch])
            assert client.wait(120).images == len(NAMES) + 2
        self.rss = self.resident()

    def client(self) -> simctl.Client:
        return simctl.Client(self.daemon.address, token_file=str(self.token_file), timeout=60)

    def searched(self, client: simctl.Client) -> dict[str, object]:
        """What a search for each picture answers."""
        return {name: client.search(image=(PHOTOS / name).read_bytes()).matches for name in NAMES}

    def resident(self) -> int:
        """Bytes of memory of the daemon's own process."""
        assert self.daemon.process is not None
        status = Path(f"/proc/{self.daemon.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) * 1024

    def fuzzer(self, seed: int) -> Fuzzer:
        root = str(self.daemon.root)
        words = [root, f"{root}/owl.jpg", f"{root}/../state", f"{root}/missing.jpg", *self.ids]
        plausible: dict[str, list[object]] = {
            "image": [(PHOTOS / "owl.jpg").read_bytes(), *hostile_images()],
            "path": [f"{root}/owl.jpg", f"{root}/coffee.jpg", f"{root}/missing.jpg"],
            "paths": [f"{self.scratch}/a.jpg", f"{self.scratch}/missing.jpg", f"{self.scratch}", "/nowhere/at/all"],
            "image_id": [*self.ids, "00" * 16],
            "image_ids": ["00" * 16, "12" * 16],
            "edge": [0, 16, 256, 2048],
            "format": ["", "jpeg", "webp", "png"],
            "size": [0, 256, 512, 4096],
            "colour": ["", "root", "label", "tier"],
            "level": [0, 1],
            "column": [0, 1],
            "row": [0, 1],
            "x": [0.0, 0.5, 1.0],
            "y": [0.0, 0.4, 0.9],
            "path_prefix": [root, f"{root}/sub", str(self.scratch)],
            "values": [0.1, -0.2, 0.3],
            "limit": [1, 3, 1000],
            "page_size": [1, 2, 1000],
            "page_token": [""],
            "min_similarity": [-1.0, 0.0, 0.5, 1.0],
            "min_level": ["same", "near", "similar"],
            "seconds": [0, 1],
            "nanos": [0, 1000],
            "service": ["", "simd.v1.SearchService"],
        }
        return Fuzzer(
            seed, words=words, blobs=hostile_images(), plausible=plausible, scratch=str(self.scratch), indexed=self.ids
        )

    def check_unharmed(self) -> None:
        """It lives, is no larger than it may be, and answers as before."""
        assert self.daemon.process is not None and self.daemon.process.poll() is None, self.daemon.log.read_text()
        with self.client() as client:
            client.resume()
            client.remove([self.scratch])
            assert client.wait(120).settled
            assert client.status().images == len(NAMES)
            assert self.searched(client) == self.answers
        log = self.daemon.log.read_text(errors="replace")
        assert "Traceback" not in log and " ERROR " not in log, log[-20_000:]
        assert self.resident() <= self.rss + 300 * MIB


def hostile_images() -> list[bytes]:
    """Pictures that are whole, cut off, broken, far too large, or something else."""
    whole = (PHOTOS / "owl.jpg").read_bytes()
    small = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(small, "PNG")
    bomb = io.BytesIO()
    Image.new("1", (30_000, 9_000)).save(bomb, "PNG")
    png = small.getvalue()
    vast = png[:16] + (0x7FFFFFFF).to_bytes(4, "big") * 2 + png[24:]
    return [whole, whole[:3000], png, png[:-12], vast, bomb.getvalue(), b"GIF89a" + bytes(64), b"%!PS-Adobe-3.0 EPSF"]


@pytest.fixture
def target(daemon: Daemon) -> Target:
    return Target(daemon)


def fuzz(target: Target, count: int) -> Counter[tuple[str, grpc.StatusCode]]:
    """Send so many requests from a few threads; how each call was answered."""
    with grpc.insecure_channel(target.daemon.address) as channel:
        methods = contract(channel, [("authorization", f"Bearer {TOKEN}")])
    outcomes: Counter[tuple[str, grpc.StatusCode]] = Counter()
    problems: dict[str, str] = {}
    lock = threading.Lock()

    def work(seed: int) -> None:
        fuzzer = target.fuzzer(seed)
        with grpc.insecure_channel(target.daemon.address, options=[("grpc.max_send_message_length", -1)]) as channel:
            for number in range(count // THREADS):
                method = fuzzer.choice(*methods)
                code, problem = send(channel, fuzzer, method)
                with lock:
                    outcomes[method.name, code] += 1
                    if problem:
                        kind = f"{method.name}: {re.sub('[0-9a-f]{8}', 'NUMBER', problem)}"
                        problems.setdefault(kind, f"seed {seed}, request {number}: {method.name}: {problem}")

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems, "\n".join(problems.values()) + "\n" + target.daemon.log.read_text(errors="replace")[-5000:]
    assert {name for name, _ in outcomes} == {method.name for method in methods}
    search = "/simd.v1.SearchService/Search"
    assert outcomes[search, grpc.StatusCode.OK] and outcomes[search, grpc.StatusCode.INVALID_ARGUMENT]
    return outcomes


def send(channel: grpc.Channel, fuzzer: Fuzzer, method: Method) -> tuple[grpc.StatusCode, str]:
    """One call with random bytes, token and deadline; how it ended, and what is wrong with that."""
    honest = not fuzzer.chance(0.1)
    token = TOKEN if honest else fuzzer.choice("", WRONG, TOKEN[:-1], TOKEN + "x", TOKEN.upper())
    metadata = [("authorization", f"Bearer {token}")] if token or fuzzer.chance(0.5) else []
    requests = [fuzzer.request(method) for _ in range(fuzzer.choice(1, 1, 1, 1, 0, 2, 5))]
    if fuzzer.chance(0.005):
        requests[:1] = [bytes(2 * MAX_REQUEST)]
    # One that waits for more of a stream may wait in vain.
    most, timeout = fuzzer.choice((1, PATIENCE_S), (1, PATIENCE_S), (1, PATIENCE_S), (1, 0.001), (3, 0.05))
    call: Any = channel.stream_stream(method.name)
    code, text = ended(call(iter(requests), timeout=timeout, metadata=metadata), most)
    if code is grpc.StatusCode.DEADLINE_EXCEEDED and timeout == PATIENCE_S:
        return code, f"no answer within {PATIENCE_S:g} s"
    if honest:
        return code, "" if code in ALLOWED else f"{code.name}: {text}"
    anyone = method.name == "/grpc.health.v1.Health/Check"
    refused = code in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.DEADLINE_EXCEEDED)
    return code, "" if refused or anyone else f"{code.name} with the token {token!r}"


def ended(answers: Any, most: int) -> tuple[grpc.StatusCode, str]:
    """Take at most so many messages; the code of the call, OK for one that would have gone on."""
    try:
        for _ in range(most):
            if next(answers, None) is None:
                return grpc.StatusCode.OK, ""
    except grpc.RpcError as error:
        return error.code(), error.details() or ""
    answers.cancel()
    return grpc.StatusCode.OK, ""


def test_random_and_mutated_requests_do_no_harm(target: Target) -> None:
    fuzz(target, 2_000)
    target.check_unharmed()


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_hundred_thousand_random_and_mutated_requests_do_no_harm(target: Target) -> None:
    fuzz(target, 100_000)
    target.check_unharmed()


def test_bytes_that_are_not_even_http_do_no_harm(target: Target) -> None:
    path = target.daemon.address.removeprefix("unix:")
    source = random.Random(7)
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    for number in range(300):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(path)
            start = b"" if number % 3 == 0 else preface if number % 3 == 1 else preface + bytes(3) + b"\x04\0\0\0\0\0"
            try:
                connection.sendall(start + source.randbytes(source.choice((0, 1, 9, 100, 5000))))
            except (BrokenPipeError, ConnectionResetError):
                continue
    target.check_unharmed()
