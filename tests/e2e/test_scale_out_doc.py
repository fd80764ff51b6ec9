"""docs/scale-out.md followed step by step: its settings and commands, with the addresses of this test, against a real
Milvus server and two real daemons."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from simctl import Client
from simctl.errors import EXIT_NOTHING_FOUND

from tests.certificates import Authority
from tests.e2e.daemon import HERE, MODELS, PHOTOS, Daemon, environment
from tests.milvus.server import MilvusServer

pytestmark = [pytest.mark.milvus, pytest.mark.model, pytest.mark.timeout(300)]

PAGE = (HERE / "docs" / "scale-out.md").read_text()
OF_ATTIC = ["camera.jpg", "coffee.jpg", "duck.jpg"]
OF_CELLAR = ["fig.jpg", "owl.jpg"]
TOKEN = "a-token-of-the-test-that-is-long-enough"


def blocks(language: str) -> list[str]:
    """Those of a language, in the order of the page."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


STARTED, SEARCHED, REBUILT, DROPPED, GONE, LEFT, ALONE = (
    block for block in blocks("sh") if "docker" not in block and "pip install" not in block
)
SETTINGS, OTHER_NAME, PEERS, SETTINGS_ALONE = blocks("toml")


class Host:
    """A host of the page: a daemon with its settings in a folder that the page calls /etc/simd.

    Args:
        pictures: the samples that it has.
        authority: of all hosts.
        here: what the page's addresses are here.
    """

    def __init__(self, pictures: list[str], authority: Authority, here: dict[str, str]) -> None:
        self.daemon = Daemon()
        etc = self.daemon.work / "etc"
        etc.mkdir()
        self.settings = etc / "simd.toml"
        issued = authority.issue("127.0.0.1")
        issued.cert.rename(etc / "cert.pem")
        issued.key.rename(etc / "key.pem")
        shutil.copy(authority.file, etc / "ca.pem")
        for name, content in (("token", TOKEN), ("read-token", TOKEN[::-1]), ("milvus-token", "root:Milvus")):
            (etc / name).write_text(content)
            (etc / name).chmod(0o600)
        self._here = here | {
            "/srv/pictures": str(self.daemon.root),
            "/etc/simd": str(etc),
            "unix:/run/simd/simd.sock, 0.0.0.0:7463": f"{self.daemon.address}, 127.0.0.1:0",
        }
        for picture in pictures:
            shutil.copy(PHOTOS / picture, self.daemon.root)
        programs = self.daemon.work / "bin"
        programs.mkdir()
        for program in ("simd", "simctl"):
            (programs / program).write_text(f'#!/bin/sh\nexec "{sys.executable}" -m {program} "$@"\n')
            (programs / program).chmod(0o755)

    def configure(self, *documents: str) -> None:
        """Write the settings."""
        self.settings.write_text(self._local("".join(documents)))

    def restart(self) -> None:
        """As systemd would."""
        if self.daemon.process is not None:
            self.daemon.stop()
        listen = re.search('^listen = "(.*)"$', self.settings.read_text(), re.MULTILINE)
        more = ("--listen", listen[1]) if listen else ()
        self.daemon.start("--config", str(self.settings), *more)

    @property
    def port(self) -> str:
        """Where it listens for its peers."""
        [*_, port] = re.findall(r"listening on .*127\.0\.0\.1:(\d+)", self.daemon.log.read_text())
        return str(port)

    def run(self, block: str, may_find_nothing: bool = False) -> str:
        """Run commands of the page; what they print."""
        if block.startswith("systemctl restart simd\n"):
            self.restart()
            block = block.partition("\n")[2]
        variables = {
            "SIMD_ADDRESS": self.daemon.address,
            "SIMD_TOKEN_FILE": str(self.settings.parent / "token"),
            "SIMD_MODELS_DIR": str(MODELS),
            "SIMD_ATLAS": "off",
            "PATH": f"{self.daemon.work}/bin{os.pathsep}{os.environ['PATH']}",
        }
        done = subprocess.run(
            ["sh", "-eu", "-c", self._local(block)],
            cwd=self.daemon.work,
            env=environment(variables),
            capture_output=True,
            text=True,
            timeout=120,
        )
        right = (0, EXIT_NOTHING_FOUND) if may_find_nothing else (0,)
        assert done.returncode in right, f"{block}{done.stdout}{done.stderr}{self.daemon.log.read_text()}"
        return done.stdout

    def json(self, *arguments: str) -> dict[str, Any]:
        """The document that a command prints."""
        found: dict[str, Any] = json.loads(self.run(shlex.join(("simctl", *arguments, "--json")), True))
        return found

    def finds(self, *pictures: str) -> None:
        """Wait until these are all that is in the answers."""
        self.daemon.until(lambda: {match[1] for match in self.matches()} == set(pictures), f"{pictures} to be found")

    def matches(self, picture: str = "owl.jpg") -> list[tuple[str, str, str]]:
        """The host, the file's name and the image of all that is found, what looks most like a picture first."""
        found = self.json("search", str(PHOTOS / picture), "--limit", "100")["matches"]
        return [(match.get("host", ""), Path(match["path"]).name, match["image_id"]) for match in found]

    def close(self) -> None:
        """End the daemon and remove everything."""
        self.daemon.close()

    def _local(self, text: str) -> str:
        for there, here in self._here.items():
            text = text.replace(there, here)
        return text


def test_two_hosts_are_set_up_searched_left_and_moved_back(milvus: MilvusServer, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "tls")
    here = {"http://milvus.example:19530/pictures": milvus.fresh()}
    with closing(Host(OF_CELLAR, authority, here)) as cellar:
        cellar.configure(SETTINGS.replace('replica_host = "attic"\n', OTHER_NAME), PEERS.replace("peers = ", "# "))
        cellar.run(STARTED)
        here |= {"cellar.example:7463": f"127.0.0.1:{cellar.port}"}
        with closing(Host(OF_ATTIC, authority, here)) as attic:
            attic.configure(SETTINGS, PEERS)
            assert "attic in " in attic.run(STARTED)
            attic.finds(*OF_ATTIC, *OF_CELLAR)
            shutil.copy(PHOTOS / "owl.jpg", attic.daemon.work / "query.jpg")
            assert "owl.jpg" in attic.run(SEARCHED)
            host, name, image_id = attic.matches("owl.jpg")[0]
            assert (host, name) == ("cellar", "owl.jpg")
            with Client(attic.daemon.address, token_file=str(attic.settings.parent / "token")) as client:
                assert client.thumbnail(image_id)
            assert "current" in attic.run(REBUILT)

            assert f"{len(OF_CELLAR)} images taken out" in cellar.run(DROPPED)
            attic.finds(*OF_ATTIC)
            cellar.run(REBUILT)
            attic.finds(*OF_ATTIC, *OF_CELLAR)

            cellar.daemon.stop(signal.SIGKILL)
            assert "0 images taken out" in attic.run(GONE)
            attic.finds(*OF_ATTIC)

            assert f"{len(OF_ATTIC)} images taken out" in attic.run(LEFT)
            attic.configure(SETTINGS_ALONE)
            assert "coffee.jpg" in attic.run(ALONE.replace("query.jpg", str(PHOTOS / "coffee.jpg")))
            attic.finds(*OF_ATTIC)
            assert attic.json("status")["replica"] is None
