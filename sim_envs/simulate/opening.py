"""The cell of a run: imported and opened where it is first needed, and kept open for the films of its trials."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from policies.trials.records import TrialRecord
from sim_envs.simulate.config import SimulateConfig

if TYPE_CHECKING:
    from sim_envs.simulate.cells import CellTrials


def opened_cell(config: SimulateConfig) -> "CellTrials":
    """A new cell."""
    from sim_envs.simulate.cells import CellTrials  # seconds to import: mistakes are told before, old results at once

    return CellTrials(config)


class KeptCell:
    """Implements TrialMaker with a cell that opens at first use and stays open until `end`."""

    def __init__(self, config: SimulateConfig):
        self._config = config

    @cached_property
    def cell(self) -> "CellTrials":
        """The cell."""
        return opened_cell(self._config)

    def run(self, numbers: Sequence[int]) -> list[tuple[TrialRecord, bytes]]:
        """See TrialMaker."""
        return self.cell.run(numbers)

    def close(self) -> None:
        """Leaves the cell open."""

    def end(self) -> None:
        """Closes the cell if it was opened."""
        if "cell" in vars(self):
            self.cell.close()


@contextmanager
def kept_cell(config: SimulateConfig) -> Generator[KeptCell]:
    """Yields a cell of this process and closes it."""
    kept = KeptCell(config)
    try:
        yield kept
    finally:
        kept.end()
