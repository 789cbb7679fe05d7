"""`python -m lace.cli`: the same as the `lace` command."""

import sys

from lace.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
