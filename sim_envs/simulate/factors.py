"""Success rates by properties of the scene: clutter, light, pose, variant and the other axes."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lace.core.registry import Registry
from lace.measure.rates import exact_rate
from policies.trials.records import TrialRecord

Scene = dict[str, Any]
BINS = 3
"""Equal shares into which the trials are split by a number; three show a trend and keep each share large."""
MAX_VALUES = 12
"""A number with at most so many values (a count) is split by value."""


@dataclass(frozen=True)
class Factor:
    """A property of a scene that may affect success."""

    axis: str
    value: Callable[[Scene], float | int | str | None]
    """None where a scene does not have it: of one's own cameras no distance is drawn."""


def _drawn(name: str) -> Callable[[Scene], float | int | str | None]:
    return lambda scene: scene["draws"].get(name)


FACTORS: Registry[Factor] = Registry("factor")
"""By the title that the report shows."""
FACTORS.add("distractors on the table", Factor("clutter", lambda s: len(s["distractors"])))
FACTORS.add("target", Factor("target", lambda s: s["target"]["object"]))
FACTORS.add("target height [m]", Factor("target", lambda s: s["target"]["height_m"]))
FACTORS.add("target distance from the base [m]", Factor("pose", lambda s: float(np.hypot(*s["target"]["xy_m"]))))
FACTORS.add(
    "target bearing from the base [deg]",
    Factor("pose", lambda s: float(np.degrees(np.arctan2(s["target"]["xy_m"][1], s["target"]["xy_m"][0])))),
)
FACTORS.add("target yaw [deg]", Factor("pose", lambda s: s["target"]["yaw_deg"]))
FACTORS.add("table height [m]", Factor("table", lambda s: s["table_z_m"]))
FACTORS.add("room", Factor("room", lambda s: s["room"]))
FACTORS.add("light elevation [deg]", Factor("light", _drawn("light.elevation_deg")))
FACTORS.add("light azimuth [deg]", Factor("light", _drawn("light.azimuth_deg")))
FACTORS.add("light intensity", Factor("light", _drawn("light.intensity")))
FACTORS.add("ambient light", Factor("light", _drawn("light.ambient")))
FACTORS.add("camera distance [m]", Factor("camera", _drawn("camera.distance_m")))
FACTORS.add("camera azimuth [deg]", Factor("camera", _drawn("camera.azimuth_deg")))
FACTORS.add("camera elevation [deg]", Factor("camera", _drawn("camera.elevation_deg")))
FACTORS.add("camera of the file", Factor("camera", _drawn("camera.of_file")))
FACTORS.add("image exposure [stops]", Factor("sensor", _drawn("sensor.exposure_stops")))


def _independence(counts: np.ndarray) -> float:
    from scipy.stats import chi2_contingency  # takes as long to import as a trial to run

    return float(chi2_contingency(counts).pvalue)


def breakdown(trials: Sequence[TrialRecord], policy: str) -> list[dict[str, Any]]:
    """Success of `policy` by every factor that varies and that all scenes have, smallest p-value first.

    Each entry: name, axis, `p_value` of independence (chi-squared, approximate, not corrected for looking at many
    factors), and `groups` (label, successes, n, value, low, high).
    """
    wins = np.array([trial.success(policy) for trial in trials], bool)
    found = []
    for name in FACTORS:
        values = [value for trial in trials if (value := FACTORS[name].value(trial.scene)) is not None]
        groups = split(values) if len(values) == len(trials) else {}
        if len(groups) < 2:
            continue
        rates = {label: exact_rate(int(wins[rows].sum()), len(rows)) for label, rows in groups.items()}
        counts = np.array([[rate.successes, rate.n - rate.successes] for rate in rates.values()])
        p_value = _independence(counts) if counts.sum(0).all() else 1.0
        rows = [{"label": label, "value": rate.value, **asdict(rate)} for label, rate in rates.items()]
        found.append({"name": name, "axis": FACTORS[name].axis, "p_value": p_value, "groups": rows})
    return sorted(found, key=lambda entry: entry["p_value"])


def split(values: Sequence[float | int | str]) -> dict[str, np.ndarray]:
    """Indices of `values` by group: names and few whole numbers by value, other numbers in shares of equal size."""
    array = np.array(values)
    distinct = np.unique(array)
    if array.dtype.kind in "US" or (array.dtype.kind in "iu" and len(distinct) <= MAX_VALUES):
        return {str(value): np.flatnonzero(array == value) for value in distinct}
    if np.ptp(array) < 1e-9:
        return {}
    parts = [part for part in np.array_split(np.argsort(array, kind="stable"), BINS) if len(part)]
    return {f"{array[part].min():.3g} to {array[part].max():.3g}": np.sort(part) for part in parts}
