"""``python -m aerun`` is the command ``aerun``."""

import sys

from aerun.cli import console

if __name__ == "__main__":
    sys.exit(console())
