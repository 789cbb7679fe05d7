"""`python -m real_bridge.emulator`: a process of its own. Its first line of output is JSON: where the devices are."""

import sys

from real_bridge.emulator.command import entry

if __name__ == "__main__":
    sys.exit(entry())
