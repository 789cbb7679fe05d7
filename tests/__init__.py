"""Tests, in the same tree as the code; `ROOT` is the repository."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
