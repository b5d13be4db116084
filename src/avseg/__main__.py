"""`python -m avseg`: the same as the `avseg` command."""

import sys

from avseg.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
