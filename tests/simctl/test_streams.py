"""Standard streams that are closed, full or left by their reader: a sentence and an exit code, whatever the command."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from simctl.output import cut

from simd.errors import Reason
from tests.serving.doubles import Bench, environment, serving
from tests.simctl.test_cli import RED

COMMANDS = [
    "search {}", "search --json {}", "search --paths-only {}", "status", "status --json",
    "status --watch --timeout 1", "wait", "wait --json", "add {}", "remove {}", "scan", "scan --explain {}",
    "files", "files --json", "files --paths-only", "show {}", "errors", "errors --paths-only -0", "compare {} {}",
    "compact", "verify", "export", "export --json", "pause", "resume", "health", "completion bash", "--help",
    "--version", "search --help",
]  # fmt: skip


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with serving() as bench:
        bench.put("red.jpg", RED)
        bench.reject("bad.jpg", reason=Reason.CORRUPT, detail="broken")
        yield bench


def redirected(bench: Bench, redirection: str, command: str) -> subprocess.CompletedProcess[bytes]:
    """The command run by a shell that redirects its streams; `{}` is an indexed picture."""
    words = command.format(*[f"{bench.root}/red.jpg"] * 2).split()
    return subprocess.run(
        ["sh", "-c", f'"$@" {redirection}', "sh", sys.executable, "-m", "simctl", *words],
        env=environment({"SIMD_ADDRESS": bench.listen}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("redirection", "why"), [(">&-", "it is closed"), (">/dev/full", "No space left on device")], ids=["closed", "full"]
)
def test_results_that_cannot_be_written_are_an_error_in_one_sentence(
    bench: Bench, command: str, redirection: str, why: str
) -> None:
    done = redirected(bench, redirection, command)
    assert (done.returncode, done.stderr.decode()) == (1, f"simctl: cannot write to stdout: {why}\n")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_reader_that_has_left_is_no_error_to_tell(bench: Bench, command: str) -> None:
    # The shell has the pipe's only reader, and closes it before the command begins.
    pipe = bench.directory / "unread"
    if not pipe.exists():
        os.mkfifo(pipe)
    done = redirected(bench, f"3<>{pipe} >{pipe} 3>&-", command)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full"])
def test_messages_that_cannot_be_written_change_no_exit_code(bench: Bench, redirection: str) -> None:
    assert redirected(bench, redirection, "search absent.jpg").returncode == 1
    assert redirected(bench, redirection, "frobnicate").returncode == 2
    done = redirected(bench, redirection, "health")
    assert (done.returncode, done.stdout) == (0, b"SERVING\n")


def test_an_error_under_json_that_cannot_be_written_is_still_told(bench: Bench) -> None:
    done = redirected(bench, ">&-", "search --json --path-prefix /x --min-similarity 7 {}")
    assert done.returncode == 1 and done.stderr.startswith(b"simctl: ") and b"Traceback" not in done.stderr


def test_all_streams_may_be_closed(bench: Bench) -> None:
    assert redirected(bench, "<&- >&- 2>&-", "status").returncode == 1
    assert redirected(bench, "<&- 2>&-", "status").returncode == 0


@pytest.mark.parametrize("command", ["search -", "search - -", "compare - {}"])
def test_a_closed_stdin_cannot_be_read(bench: Bench, command: str) -> None:
    done = redirected(bench, "<&-", command)
    assert done.returncode == 1
    assert set(done.stderr.decode().splitlines()) == {"simctl: cannot read stdin: it is closed"}


def test_a_relative_path_in_a_folder_that_is_gone(bench: Bench) -> None:
    gone = bench.directory / "gone"
    for words in (["add", "photo.jpg"], ["files", "--path-prefix", "photo.jpg"]):
        gone.mkdir()
        done = subprocess.run(
            ["sh", "-c", 'cd "$0" && rmdir "$0" && "$@"', str(gone), sys.executable, "-m", "simctl", *words],
            env=environment({"SIMD_ADDRESS": bench.listen}),
            capture_output=True,
            timeout=30,
            check=False,
        )
        assert done.returncode == 1
        assert done.stderr == b"simctl: the current folder is gone, so photo.jpg is nowhere; name it from /\n"


def test_an_export_replaces_no_device_or_pipe_and_leaves_a_link_one(bench: Bench) -> None:
    pipe, link, target = (bench.directory / name for name in ("pipe", "link.npz", "all.npz"))
    os.mkfifo(pipe)
    done = redirected(bench, "", f"export --npz {pipe}")
    assert done.returncode == 1 and pipe.is_fifo()
    assert done.stderr.decode() == f"simctl: cannot write {pipe}: it is not a regular file\n"
    link.symlink_to(target)
    assert redirected(bench, "", f"export --npz {link}").returncode == 0
    assert link.is_symlink() and target.read_bytes().startswith(b"PK")


@pytest.mark.parametrize(
    ("text", "columns", "left"),
    [
        ("short", 20, "short"),
        ("exactly", 7, "exactly"),
        ("longer", 3, "lon"),
        ("写真.jpg", 3, "写"),
        ("e\u0301x", 1, "e\u0301"),
    ],
)
def test_a_text_is_cut_by_what_a_terminal_needs_for_it(text: str, columns: int, left: str) -> None:
    assert cut(text, columns) == left
