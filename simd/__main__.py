"""`python -m simd`."""

import sys

from simd.cli import main

sys.exit(main())
