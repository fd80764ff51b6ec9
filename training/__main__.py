"""`python -m training DIRECTORY`: from nothing to the weights, in steps that are taken up where they were left.

What is fetched and computed on the way lies in the directory: the pictures, the features of the unlearned trunk, a
checkpoint of every stage. The result is `simd-copy-1.npz` in it. Of equal pictures, versions and numbers of threads the
result is the same.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

import torch
import torch.nn.functional as F

from simd.featurize.models.weights import lite0_file, read_weights
from training import layer, trunk
from training.export import export
from training.loader import distinct
from training.network import Network, imagenet
from training.pictures import fetch, listed
from training.trunk import Stage

STAGES = (Stage(frozen=12, steps=350),)
"""What is learned after the layer, one after the other."""

_HELD_BACK = 400
_RELATIVES = 12


def main() -> None:
    """Take the steps that are left."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--threads", type=int, default=1, help="what the result depends on in its last digits")
    options = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(options.threads)
    torch.use_deterministic_algorithms(True)
    options.directory.mkdir(parents=True, exist_ok=True)
    files, held_back = _pictures(options.directory)
    network = _with_layer(files, options.directory)
    print("held back: found again, at 1 % false: {:.4f} {:.4f}".format(*trunk.watch(network, held_back)), flush=True)
    alike = _alike(network, files, options.directory)
    for number, stage in enumerate(STAGES, 1):
        trunk.learn(network, files, held_back, alike, stage, options.directory / f"stage-{number}.pt")
    export(network, options.directory / "simd-copy-1.npz")


def _pictures(directory: Path) -> tuple[list[Path], list[Path]]:
    """Those to learn from, and those to watch it by."""
    names = directory / "distinct.txt"
    made = fetch(directory)
    if not names.exists():
        found = distinct(listed(made))
        names.write_text("".join(f"{file.relative_to(made)}\n" for file in found))
    files = [made / line for line in names.read_text().splitlines()]
    random.Random(1).shuffle(files)
    print(len(files), "pictures", flush=True)
    return files[_HELD_BACK:], files[:_HELD_BACK]


def _with_layer(files: list[Path], directory: Path) -> Network:
    network = imagenet(read_weights(lite0_file()))
    network.to(memory_format=torch.channels_last)
    kept = directory / "layer.pt"
    if kept.exists():
        network.layer.load_state_dict(torch.load(kept, weights_only=True))
    else:
        layer.learn(network.layer, layer.features(network, files, directory / "features.pt"))
        torch.save(network.layer.state_dict(), kept)
    return network


def _alike(network: Network, files: list[Path], directory: Path) -> torch.Tensor:
    """`(n, 12)`: which pictures look most like each, to the network whose trunk is not learned yet."""
    samples = layer.features(network, files, directory / "features.pt")[:, 0].float()
    with torch.no_grad():
        descriptors = F.normalize(network.layer(samples), dim=1)
    return torch.cat([(part @ descriptors.T).topk(_RELATIVES + 1).indices[:, 1:] for part in descriptors.split(1024)])


if __name__ == "__main__":
    main()
