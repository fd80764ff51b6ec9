"""The learned network as the file in the wheel."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from training.network import Network


def export(network: Network, file: Path) -> None:
    """Write every parameter by its name, float16, in PyTorch's layout; equal networks give equal bytes."""
    state = {name: value.detach().half().numpy() for name, value in sorted(network.state_dict().items())}
    with file.open("wb") as stream:
        np.savez(stream, **state)
