"""`lace compare SIM REAL`: compares success rates in simulation with those on the physical cell.

By the measures of SimplerEnv (Li et al., CoRL 2024, sec. 3): Pearson's correlation of the policies' rates, and the mean
maximum rank violation: how far apart two policies really are, at worst, whose order the simulation gets wrong.
"""

import io
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table
from tyro.conf import Positional

from lace.core.counting import counted
from lace.core.errors import DatasetError
from lace.core.files import publish_bytes, reading
from lace.core.terminal import print_whole
from lace.measure.rates import Rate, exact_rate

INK, POINT = "#1d2733", "#0f766e"
LEAST_POLICIES = 2
"""Correlation and ranks of fewer policies say nothing."""


@dataclass(frozen=True)
class CompareConfig:
    """Compares success in simulation with success on the physical cell, policy by policy."""

    sim: Positional[Path]
    """Folder of `lace simulate`."""
    real: Positional[tuple[Path, ...]]
    """One or several folders of `lace bridge run`."""
    out: Path = Path("compare")
    """Folder for compare.json and compare.png."""


@dataclass(frozen=True)
class Pairing:
    """One policy in both cells."""

    policy: str
    sim: Rate
    real: Rate

    @property
    def overlap(self) -> bool:
        """Whether the two intervals overlap."""
        return self.sim.low <= self.real.high and self.real.low <= self.sim.high


def main(config: CompareConfig) -> int:
    """Prints a table, writes compare.json and compare.png."""
    rows = pairings(config.sim, config.real)
    found = summary(rows)
    config.out.mkdir(parents=True, exist_ok=True)
    publish_bytes(config.out / "compare.json", json.dumps(found, indent=1).encode())
    publish_bytes(config.out / "compare.png", picture(rows))
    console = Console(highlight=False, soft_wrap=True)
    print_whole(_table(rows))
    if found["pearson"] is not None:
        console.print(
            f"Pearson {found['pearson']:.3f}, MMRV {found['mmrv']:.3f} over {counted(len(rows), 'policy', 'policies')}"
        )
    else:
        console.print("Pearson and MMRV need two policies whose rates differ")
    console.print(f"wrote {config.out / 'compare.json'} and {config.out / 'compare.png'}", markup=False)
    return 0


def pairings(sim: Path, real: tuple[Path, ...]) -> list[Pairing]:
    """Policies that both sides ran, by name; the real folders' trials are pooled."""
    simulated = _counts(sim)
    pooled: dict[str, tuple[int, int]] = {}
    for folder in real:
        for name, (won, n) in _counts(folder).items():
            before = pooled.get(name, (0, 0))
            pooled[name] = before[0] + won, before[1] + n
    both = [name for name in simulated if name in pooled]
    if not both:
        raise DatasetError(
            "comparing simulated and real trials",
            f"{', '.join(simulated)} in simulation, {', '.join(pooled)} on the arm",
            "a policy that both ran",
            "run the same policies in both",
        )
    return [Pairing(name, exact_rate(*simulated[name]), exact_rate(*pooled[name])) for name in both]


def summary(rows: list[Pairing]) -> dict[str, Any]:
    """For compare.json."""
    sim, real = (np.array([getattr(row, side).value for row in rows]) for side in ("sim", "real"))
    told = len(rows) >= LEAST_POLICIES and np.ptp(sim) > 0 and np.ptp(real) > 0
    return {
        "policies": [
            {"policy": row.policy, "overlap": row.overlap, "difference": row.sim.value - row.real.value}
            | {side: {"value": getattr(row, side).value} | asdict(getattr(row, side)) for side in ("sim", "real")}
            for row in rows
        ],
        "pearson": float(np.corrcoef(sim, real)[0, 1]) if told else None,
        "mmrv": mmrv(sim, real) if told else None,
    }


def mmrv(sim: np.ndarray, real: np.ndarray) -> float:
    """Mean maximum rank violation of rates (policies,): 0 is an order without mistakes (SimplerEnv, eq. 2)."""
    gap = np.abs(real[:, None] - real[None])
    wrong = (sim[:, None] < sim[None]) != (real[:, None] < real[None])
    return float((gap * wrong).max(1).mean())


def picture(rows: list[Pairing]) -> bytes:
    """PNG: each policy's rates with their intervals; on the diagonal both are the same."""
    figure = Figure(figsize=(4.6, 4.4), layout="constrained")
    FigureCanvasAgg(figure)
    ax = figure.subplots()
    ax.plot([0, 100], [0, 100], color="#cbd5e1", linewidth=1, zorder=0)
    for row in rows:
        x, y = 100 * row.sim.value, 100 * row.real.value
        errors = [[[100 * (r.value - r.low)], [100 * (r.high - r.value)]] for r in (row.sim, row.real)]
        ax.errorbar(x, y, errors[1], errors[0], color=POINT, ecolor=INK, elinewidth=0.8, capsize=2.5, marker="o")
        ax.annotate(row.policy, (x, y), (5, 5), textcoords="offset points", fontsize=8)
    ax.set(xlim=(-3, 103), ylim=(-3, 103), xlabel="success in simulation [%]", ylabel="success on the arm [%]")
    ax.set_title("95 % exact intervals", fontsize=9)
    ax.grid(color="#e2e8f0", linewidth=0.6)
    ax.set_axisbelow(True)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130, metadata={"Software": None})
    return buffer.getvalue()


def _counts(folder: Path) -> dict[str, tuple[int, int]]:
    """Policy -> (successes, trials) of a results.json."""
    path = folder / "results.json"
    with reading(path, "results of `lace simulate` or `lace bridge run`", "check the folder"):
        policies = json.loads(path.read_bytes())["policies"]
        return {name: (int(row["success"]["successes"]), int(row["success"]["n"])) for name, row in policies.items()}


def _table(rows: list[Pairing]) -> Table:
    table = Table(title="the same policies in simulation and on the physical cell")
    for heading in ("policy", "simulation", "physical cell", "difference", "intervals"):
        table.add_column(heading, no_wrap=True)
    for row in rows:
        difference = f"{100 * (row.sim.value - row.real.value):+.1f} points"
        table.add_row(row.policy, str(row.sim), str(row.real), difference, "overlap" if row.overlap else "apart")
    return table
