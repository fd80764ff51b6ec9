"""`python -m simd.featurize.models.export COMMAND ...`: what needs TensorFlow to make models, in a process of its own.

* `embedded NAME DIRECTORY`: write a model of `EMBEDDED` as a SavedModel.
* `saved_model SOURCE DIRECTORY FACTS TOLD`: convert a SavedModel; FACTS is a file for what was found, TOLD is JSON.
* `fetch HANDLE`: let tensorflow_hub fetch a model into its cache.

On failure the last line of stderr says why.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

from simd.errors import SimdError
from simd.featurize.engines.cpu import require
from simd.featurize.models import copy1
from simd.featurize.models.registry import COPY1
from simd.featurize.models.weights import lite0_file, read_weights


def main() -> None:
    """Do what the command line says."""
    command, *arguments = sys.argv[1:]
    commands: dict[str, Callable[..., None]] = {"embedded": _embedded, "saved_model": _saved_model, "fetch": _fetch}
    try:
        require("tensorflow")
        commands[command](*arguments)
    except SimdError as error:
        sys.exit(" ".join(str(error).split()))
    except ModuleNotFoundError as error:
        sys.exit(f"{error}; what makes models comes with `pip install 'simd-images[daemon]'`")


def _embedded(name: str, directory: str) -> None:
    # The weights first: TensorFlow's import takes seconds.
    if name == COPY1.name:
        parameters = copy1.read()
        from simd.featurize.engines import tensorflow

        tensorflow.export_copy1(parameters, Path(directory))
    else:
        weights = read_weights(lite0_file())
        from simd.featurize.engines import tensorflow

        tensorflow.export_lite0(weights, Path(directory))


def _saved_model(source: str, directory: str, facts: str, told: str) -> None:
    from simd.featurize.engines import tensorflow

    found = tensorflow.convert(Path(source), Path(directory), json.loads(told))
    Path(facts).write_text(json.dumps(found))


def _fetch(handle: str) -> None:
    from simd.featurize.engines import tensorflow

    tensorflow.fetch(handle)


if __name__ == "__main__":
    main()
