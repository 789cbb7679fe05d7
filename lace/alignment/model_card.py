"""The model card of a fine-tuned backbone: its base, data, settings and final metrics."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lace.core.files import publish_bytes
from lace.core.provenance import commit, versions

STAND_IN_WARNING = "The base has RANDOM weights: a stand-in for tests and demos. Its numbers mean nothing."


def write_card(
    folder: Path,
    *,
    base: str,
    caveat: str,
    data: Mapping[str, Mapping[str, Any]],
    config: Mapping[str, Any],
    metrics: Mapping[str, float],
) -> Path:
    """Writes `folder`/README.md.

    Args:
        folder: The run's folder; the weights are in its backbone/.
        base: Name of the backbone that was fine-tuned.
        caveat: Warning about the base's weights; shown first.
        data: Embodiment -> facts of its data.
        config: All settings.
        metrics: Of the last step.
    """
    rows = [
        f"| {name} | {', '.join(f'{key} {value}' for key, value in facts.items())} |" for name, facts in data.items()
    ]
    card = [
        f"# LACE fine-tune of {base}",
        f"\n> {caveat}\n" if caveat else "",
        "Patch features that are similar for corresponding parts of human and robot hands (arXiv 2605.16743).",
        "The weights inherit the licence of the base checkpoint.",
        "",
        "```python",
        "from transformers import AutoModel",
        'model = AutoModel.from_pretrained("backbone")',
        "```",
        "",
        "## Data",
        "",
        "| embodiment | |",
        "|---|---|",
        *rows,
        "",
        "## Last step of training",
        "",
        "| metric | |",
        "|---|---|",
        *[f"| {name} | {value:.6g} |" for name, value in metrics.items()],
        "",
        "These are training losses; `lace evaluate` measures correspondence on held-out frames.",
        "",
        "## Settings",
        "",
        "```json",
        json.dumps(config, indent=2, default=str),
        "```",
        "",
        f"Commit `{commit()}`; " + ", ".join(f"{name} {number}" for name, number in versions().items()) + ".",
        "",
    ]
    path = folder / "README.md"
    publish_bytes(path, "\n".join(card).encode())
    return path
