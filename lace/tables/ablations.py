"""The run behind each row of the paper's alignment tables: a backbone and its changes to the default recipe."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from lace.alignment.config import TrainConfig
from lace.core.errors import UnknownNameError

_TRAIN_FIELDS = {entry.name for entry in fields(TrainConfig)}


@dataclass(frozen=True)
class Run:
    """One backbone to measure: pretrained, or fine-tuned with `changes`."""

    backbone: str | None = None
    """None is the backbone that the table is run for."""
    tuned: bool = True
    changes: Mapping[str, Any] = field(default_factory=dict)
    """Field of `TrainConfig` or `FinetuneConfig` -> value."""

    def slug(self, backbone: str, seed: int | None = None) -> str:
        """Folder name; equal runs of different tables share one. A further training seed is part of it."""
        base = (self.backbone or backbone).strip("/").replace("/", "_")
        parts = [base, "lace" if self.tuned else "pretrained", *(f"{k}={v}" for k, v in self.changes.items())]
        return "-".join(parts + ([f"seed={seed}"] if self.tuned and seed is not None else []))

    def train_config(self, base: TrainConfig) -> TrainConfig:
        """`base` with this run's changes."""
        return replace(base, **{name: value for name, value in self.changes.items() if name in _TRAIN_FIELDS})

    @property
    def data_changes(self) -> dict[str, Any]:
        """The changes that do not concern training."""
        return {name: value for name, value in self.changes.items() if name not in _TRAIN_FIELDS}


_PRETRAINED, _LACE = Run(tuned=False), Run()
_BACKBONES = {"DINO": "dinov3-s", "SigLIP": "siglip2-b", "I-JEPA": "ijepa-h", "V-JEPA2": "vjepa2-l"}

TABLES: dict[int, dict[str, Run]] = {
    1: {"DINO": _PRETRAINED, "LACE-DINO": _LACE},
    4: {
        "DINO": _PRETRAINED,
        "1 img": Run(changes={"images": 1}),
        "10 img": Run(changes={"images": 10}),
        "100 img": _LACE,
    },
    5: {
        "DINO": _PRETRAINED,
        **{f"lambda={value:g}": Run(changes={"gram": value}) for value in (0.0, 0.01, 0.1)},
        "lambda=1": _LACE,
        **{f"lambda={value:g}": Run(changes={"gram": value}) for value in (10.0, 100.0)},
    },
    6: {
        "LACE-DINO": _LACE,
        "w/o EMA": Run(changes={"ema": False}),
        "w/o intra-class": Run(changes={"intra": False}),
        "-> uni-dir": Run(changes={"directions": "one"}),
        "-> fwd KL": Run(changes={"kl": "forward"}),
    },
    8: {
        f"{prefix}{name}": Run(backbone, tuned=bool(prefix))
        for name, backbone in _BACKBONES.items()
        for prefix in ("", "LACE-")
    },
}
"""Table -> row -> run; rows are named and ordered as in `lace.reports.paper.PAPER`."""


def rows_of(table: int) -> dict[str, Run]:
    """The runs of one table; UnknownNameError lists the available tables."""
    if table not in TABLES:
        raise UnknownNameError("table of alignment", str(table), map(str, TABLES))
    return TABLES[table]
