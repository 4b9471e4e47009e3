"""``python -m aerun`` is the command ``aerun``."""

import sys

from aerun.cli import main

if __name__ == "__main__":
    sys.exit(main())
