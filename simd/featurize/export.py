"""`python -m simd.featurize.export DIRECTORY`: write the embedded model as a SavedModel.

Run by `models.resolve` in a process of its own, because it imports TensorFlow.
"""

from __future__ import annotations

import sys
from pathlib import Path

from simd.errors import SimdError
from simd.featurize.weights import lite0_file, read_weights


def main() -> None:
    """Export to the directory named on the command line; on failure the last line of stderr says why."""
    try:
        weights = read_weights(lite0_file())
        from simd.featurize.engines.tensorflow import export_lite0

        export_lite0(weights, Path(sys.argv[1]))
    except SimdError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
