"""Settings: where they come from, which wins, and what is refused."""

from __future__ import annotations

import dataclasses
import socket
from pathlib import Path

import pytest

from simd import config
from simd.errors import ConfigError
from simd.verify.opencv import available

EMPTY = {"HOME": "/nowhere", "XDG_CONFIG_HOME": "/nowhere", "XDG_RUNTIME_DIR": "/run/user/7"}


def written(tmp_path: Path, text: str) -> Path:
    """A configuration file."""
    path = tmp_path / "simd.toml"
    path.write_text(text)
    return path


def test_flags_win_over_environment_over_file_over_defaults(tmp_path: Path) -> None:
    file = written(tmp_path, 'device = "cpu"\nbatch_size = 8\nmax_threads = 1\n')
    settings = config.load(
        file=file,
        environ={**EMPTY, "SIMD_BATCH_SIZE": "4", "SIMD_MAX_THREADS": "2"},
        flags={"max_threads": "3", "model": None},
    )
    assert (settings.device, settings.batch_size, settings.max_threads) == ("cpu", 4, 3)
    assert settings.model == "simd-copy-1"
    assert settings.source["device"] == str(file)
    assert settings.source["batch_size"] == "environment"
    assert settings.source["max_threads"] == "flag"
    assert settings.source["model"] == "default"


def test_state_and_socket_are_where_systemd_or_the_session_wants_them() -> None:
    service = {**EMPTY, "STATE_DIRECTORY": "/var/lib/simd:/other", "RUNTIME_DIRECTORY": "/run/simd"}
    assert config.load(environ=service).state_dir == Path("/var/lib/simd")
    assert config.load(environ=service).listen == "unix:/run/simd/simd.sock"
    session = {**EMPTY, "XDG_STATE_HOME": "/home/me/state"}
    assert config.load(environ=session).state_dir == Path("/home/me/state/simd")
    assert config.load(environ=session).listen == "unix:/run/user/7/simd/simd.sock"


def test_roots_are_absolute_and_may_be_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert config.load(environ=EMPTY, flags={"roots": ["a", "/b"]}).roots == (tmp_path / "a", Path("/b"))
    assert config.load(environ={**EMPTY, "SIMD_ROOTS": "/a:/b"}).roots == (Path("/a"), Path("/b"))
    file = written(tmp_path, 'roots = ["/c"]')
    assert config.load(file=file, environ=EMPTY).roots == (Path("/c"),)


def test_patterns_are_taken_as_they_are(tmp_path: Path) -> None:
    assert config.load(environ={**EMPTY, "SIMD_IGNORE": "*.bak:/raw/"}).ignore == ("*.bak", "/raw/")
    file = written(tmp_path, 'ignore = ["!a:b", "~x/ "]\npoll = ["/mnt"]\npoll_interval_s = 5')
    found = config.load(file=file, environ=EMPTY)
    assert (found.ignore, found.poll, found.poll_interval_s) == (("!a:b", "~x/ "), (Path("/mnt"),), 5.0)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('model_dir = "x"', ["`model_dir`", "did you mean `models_dir`?"]),
        ("qwertz = 1", ["`qwertz`", "known settings", "state_dir"]),
        ("batch_size = 0", ["`batch_size`", "0", "positive"]),
        ("batch_size = 1.5", ["`batch_size`", "1.5", "whole"]),
        ("batch_size = true", ["`batch_size`", "number"]),
        ("settle_s = -1", ["`settle_s`", "-1", "negative"]),
        ("settle_s = nan", ["`settle_s`", "nan"]),
        ('batch_size = "many"', ["`batch_size`", "many"]),
        ('device = "tpu"', ["`device`", "tpu", "auto, cpu, gpu"]),
        ("device = 3", ["`device`", "text"]),
        ("roots = 3", ["`roots`", "list"]),
        ("ignore = [3]", ["`ignore`", "list of patterns"]),
        ("poll_interval_s = 0", ["`poll_interval_s`", "positive"]),
        ('atlas = "on"', ["`atlas`", "auto, off"]),
        ('verify = "all"', ["`verify`", "off, pairs, search"]),
        ("state_dir = 3", ["`state_dir`", "3"]),
        ('search = "replica"', ["search = 'replica'", "none is configured", "HOST:PORT/COLLECTION"]),
        ('replica_host = "a lake"', ["`replica_host`", "a lake", "1 to 64 letters"]),
        (f'replica_host = "{"x" * 65}"', ["`replica_host`", "1 to 64 letters"]),
        ('peers = ["hill"]', ["`peers`", "hill", "NAME=ADDRESS"]),
        ('peers = ["=hill:1"]', ["`peers`", "=hill:1", "NAME=ADDRESS"]),
        ('peers = ["hill="]', ["`peers`", "NAME=ADDRESS"]),
        ('peers = ["hill=a:1", "hill=b:1"]', ["`peers`", "the host hill is there more than once"]),
        ("peers = [3]", ["`peers`", "list of NAME=ADDRESS"]),
        ("= 3", ["not valid TOML"]),
    ],
)
def test_what_cannot_be_is_refused_and_named(tmp_path: Path, text: str, named: list[str]) -> None:
    file = written(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        config.load(file=file, environ=EMPTY)
    for part in [*named, str(file)]:
        assert part in str(caught.value)


def test_peers_are_given_by_name() -> None:
    peers = ("hill=hill.example:7430", "sea=unix:/run/a=b.sock")
    assert config.load(environ={**EMPTY, "SIMD_PEERS": ",".join(peers)}).peers == peers


def test_a_host_is_called_as_it_is_set_or_as_the_machine_is() -> None:
    assert config.load(environ=EMPTY, flags={"replica_host": "lake-1.example"}).host == "lake-1.example"
    assert config.load(environ=EMPTY).host == socket.gethostname()


def test_searches_may_be_put_to_a_replica_that_is_set() -> None:
    found = config.load(environ=EMPTY, flags={"search": "replica", "replica": "http://milvus:19530/photos"})
    assert (found.search, found.replica) == ("replica", "http://milvus:19530/photos")


def test_pairs_are_verified_where_that_can_be_done() -> None:
    assert config.load(environ=EMPTY).verify == ("pairs" if available() else "off")
    assert config.load(environ={**EMPTY, "SIMD_VERIFY": "search"}).verify == "search"


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nothing\.toml"):
        config.load(file=tmp_path / "nothing.toml", environ=EMPTY)


def test_a_misspelt_variable_is_refused_and_a_foreign_one_is_not_ours() -> None:
    with pytest.raises(ConfigError, match="batch_sise"):
        config.load(environ={**EMPTY, "SIMD_BATCH_SISE": "4"})
    foreign = {
        "SIMD_ADDRESS": "unix:/x",
        "SIMD_JPEG_EXTENSIONS": "none",
        "MODEL": "mine",
        "DEVICE": "tpu",
        "ROOTS": "/x",
    }
    assert set(config.load(environ={**EMPTY, **foreign}).source.values()) == {"default"}


def test_every_setting_is_documented() -> None:
    page = (Path(__file__).parent.parent / "docs" / "operations.md").read_text()
    for field in dataclasses.fields(config.Settings):
        if field.name != "source":
            assert f"| `{field.name}` |" in page, f"docs/operations.md says nothing of {field.name}"


def test_what_systemd_hands_over_is_the_default_and_everything_else_wins_over_it(tmp_path: Path) -> None:
    for name in ("token_file", "tls_key", "somebody_elses"):
        (tmp_path / name).write_text("secret")
    credentials = {**EMPTY, "CREDENTIALS_DIRECTORY": str(tmp_path)}
    settings = config.load(environ=credentials)
    assert (settings.token_file, settings.tls_key) == (tmp_path / "token_file", tmp_path / "tls_key")
    assert (settings.tls_cert, settings.read_token_file) == (None, None)
    assert (settings.source["token_file"], settings.source["tls_cert"]) == ("credential", "default")
    file = written(tmp_path, 'token_file = "/etc/simd/token"')
    assert config.load(file=file, environ=credentials).token_file == Path("/etc/simd/token")


def test_what_is_said_to_the_client_is_no_setting() -> None:
    client = dict.fromkeys(("SIMD_ADDRESS", "SIMD_TLS_CA", "SIMD_CLIENT_CERT", "SIMD_CLIENT_KEY"), "x")
    assert set(config.load(environ={**EMPTY, **client}).source.values()) == {"default"}
