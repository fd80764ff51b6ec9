"""`python -m simctl`."""

import sys

from simctl.cli import main

sys.exit(main())
