"""Without the extra the room can be imported, and says what is missing."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
sys.modules["cv2"] = None
import numpy as np
from simd.errors import ConfigError
from simd.verify.features import extract
from simd.verify.verdict import available
try:
    extract(np.zeros((8, 8, 3), np.uint8))
except ConfigError as error:
    print(available(), error)
"""


def test_what_to_install_is_told() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("False ")
    assert "simd-images[verify]" in done.stdout


def test_importing_the_room_does_not_import_opencv() -> None:
    program = "import simd.verify.verdict, sys; print('cv2' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
