"""Tokens: which are accepted, what each may do, and which files they are read from."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from simd.errors import ConfigError, PermissionDenied, Unauthenticated
from simd.serving.transport.auth import Role, TokenFiles, Tokens

ADMIN, READER, OTHER = "a" * 32, "r" * 64, "o" * 32


def sent(token: str, scheme: str = "Bearer") -> dict[str, str]:
    return {"user-agent": "test", "authorization": f"{scheme} {token}"}


def secret(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def test_without_tokens_everybody_may_do_everything() -> None:
    tokens = Tokens()
    assert not tokens
    tokens.authorize(Role.ADMIN, {})


@pytest.mark.parametrize(("token", "role"), [(ADMIN, Role.ADMIN), (ADMIN, Role.READ), (READER, Role.READ)])
def test_a_token_may_do_what_its_role_may_and_less(token: str, role: Role) -> None:
    Tokens([ADMIN], [READER]).authorize(role, sent(token))


def test_a_readers_token_may_not_change_anything() -> None:
    with pytest.raises(PermissionDenied, match="the role read, this call needs admin"):
        Tokens([ADMIN], [READER]).authorize(Role.ADMIN, sent(READER))


def test_with_readers_tokens_only_nobody_may_change_anything() -> None:
    with pytest.raises(PermissionDenied):
        Tokens(read=[READER]).authorize(Role.ADMIN, sent(READER))


def test_what_anyone_may_do_needs_no_token() -> None:
    Tokens([ADMIN]).authorize(Role.ANYONE, {})


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        sent(OTHER),
        sent(ADMIN[:-1]),
        sent(ADMIN + "a"),
        sent(""),
        sent(ADMIN, "Basic"),
        {"authorization": ADMIN},
        {"authorization-bin": f"Bearer {ADMIN}"},
        sent(f"{ADMIN}, Bearer {ADMIN}"),
        sent("\udcff" * 32),
    ],
)
def test_no_token_and_one_that_is_not_known_are_refused_alike(metadata: dict[str, str]) -> None:
    with pytest.raises(Unauthenticated) as caught:
        Tokens([ADMIN], [READER]).authorize(Role.READ, metadata)
    assert ADMIN not in str(caught.value) and OTHER not in str(caught.value)


def test_the_scheme_is_written_in_any_case() -> None:
    Tokens([ADMIN]).authorize(Role.ADMIN, sent(ADMIN, "bearer"))


def test_a_file_holds_a_token_a_line_so_that_a_new_one_can_come_before_the_old_one_goes(tmp_path: Path) -> None:
    file = secret(tmp_path / "tokens", f"# of May\n{ADMIN}\n\n  {OTHER}  \n")
    tokens = Tokens.from_files(file, secret(tmp_path / "readers", READER))
    for token in (ADMIN, OTHER):
        tokens.authorize(Role.ADMIN, sent(token))
    tokens.authorize(Role.READ, sent(READER))
    with pytest.raises(Unauthenticated):
        tokens.authorize(Role.READ, sent("# of May"))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "holds no token"),
        ("# nothing but words\n", "holds no token"),
        ("short", "32 to 4096"),
        (ADMIN + "\nshort", "token 2"),
        ("x" * 4097, "32 to 4096"),
        ("two words " * 8, "without spaces"),
        ("ä" * 32, "printable ASCII"),
    ],
)
def test_a_token_that_cannot_be_one_is_refused_and_not_shown(tmp_path: Path, text: str, why: str) -> None:
    file = secret(tmp_path / "token", text)
    with pytest.raises(ConfigError, match=why) as caught:
        Tokens.from_files(file, None)
    assert caught.value.field == "token_file" and str(file) in str(caught.value)
    assert "two words" not in str(caught.value) and ADMIN not in str(caught.value)


def test_one_token_for_both_roles_is_refused(tmp_path: Path) -> None:
    file = secret(tmp_path / "token", ADMIN)
    with pytest.raises(ConfigError, match="readers would be administrators"):
        Tokens.from_files(file, secret(tmp_path / "readers", f"{READER}\n{ADMIN}"))


@pytest.mark.parametrize("mode", [0o604, 0o644, 0o660, 0o602, 0o601])
def test_a_file_that_others_may_read_or_change_is_refused_with_the_remedy(tmp_path: Path, mode: int) -> None:
    file = secret(tmp_path / "token", ADMIN, mode)
    with pytest.raises(ConfigError, match=f"mode {mode:04o}.*chmod 600 {file}"):
        Tokens.from_files(file, None)


@pytest.mark.parametrize("mode", [0o400, 0o600, 0o440, 0o640])
def test_a_file_that_the_owner_and_perhaps_the_group_may_read_is_accepted(tmp_path: Path, mode: int) -> None:
    assert Tokens.from_files(secret(tmp_path / "token", ADMIN, mode), None)


def test_a_missing_file_a_directory_and_a_pipe_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    for name, why in (("missing", "No such file"), (".", "not a regular file"), ("pipe", "not a regular file")):
        with pytest.raises(ConfigError, match=why):
            Tokens.from_files(None, tmp_path / name)


def test_a_file_too_big_to_hold_tokens_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="more than 1048576 bytes"):
        Tokens.from_files(secret(tmp_path / "token", "x" * (2 << 20)), None)


def test_tokens_are_replaced_and_withdrawn_while_the_daemon_runs(tmp_path: Path) -> None:
    file = secret(tmp_path / "token", f"{ADMIN}\n")
    tokens = TokenFiles(file, None)
    tokens.authorize(Role.ADMIN, sent(ADMIN))
    secret(file, f"{ADMIN}\n{OTHER}\n")
    tokens.authorize(Role.ADMIN, sent(ADMIN))
    tokens.authorize(Role.ADMIN, sent(OTHER))
    secret(tmp_path / "fresh", OTHER).replace(file)
    tokens.authorize(Role.ADMIN, sent(OTHER))
    with pytest.raises(Unauthenticated):
        tokens.authorize(Role.ADMIN, sent(ADMIN))


@pytest.mark.parametrize(
    "spoil", [Path.unlink, lambda file: secret(file, OTHER, 0o644), lambda file: file.write_text("short")]
)
def test_a_file_that_cannot_be_used_any_more_opens_nothing_and_closes_nothing(
    tmp_path: Path, spoil: Callable[[Path], object], caplog: pytest.LogCaptureFixture
) -> None:
    file = secret(tmp_path / "token", ADMIN)
    tokens = TokenFiles(file, None)
    spoil(file)
    for _ in range(3):
        tokens.authorize(Role.ADMIN, sent(ADMIN))
        for refused in ({}, sent(OTHER)):
            with pytest.raises(Unauthenticated):
                tokens.authorize(Role.ADMIN, refused)
    assert bool(tokens)
    assert len(caplog.records) == 1 and ADMIN not in caplog.text
