"""`python -m algopioneer_core` is the command `algopioneer`."""

import sys

from algopioneer_core.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
