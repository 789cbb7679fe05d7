"""`python -m real_bridge.emulator`: the emulator as a process. Its first line of output is JSON with the addresses."""

import sys

from real_bridge.emulator.command import entry

if __name__ == "__main__":
    sys.exit(entry())
