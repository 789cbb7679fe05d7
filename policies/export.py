"""`lace policy export`: a bundle as one ONNX file, compared with PyTorch before it is published; latencies of both."""

import json
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from rich.console import Console
from torch import Tensor, nn

from lace.core.errors import LaceError
from lace.core.files import publish_bytes
from lace.core.limits import Within, check_numbers
from lace.core.lock import locked_folder
from policies.bundle import TwoPointPolicy, load_policy
from policies.features import tokens

LIMIT = 1e-4
"""Largest difference of a coordinate, as a share of the image, that still counts as the same policy."""
OPSET = 18


class ExportError(LaceError):
    """An export that failed or does not agree with PyTorch."""


@dataclass(frozen=True)
class ExportConfig:
    """Write a policy as ONNX: images (n, 3, size, size) in [0, 1] in, points (n, 2, 2) as shares of the image out."""

    policy: Path
    """Bundle folder."""
    out: Path
    """The .onnx file; OUT.json beside it says what was compared."""
    repeats: Annotated[int, Within(1)] = 50
    """Single images that each latency is measured over."""

    def __post_init__(self):
        check_numbers(self)


class WholePolicy(nn.Module):
    """Backbone and head as one module."""

    def __init__(self, policy: TwoPointPolicy):
        super().__init__()
        self.backbone, self.head = policy.backbone, policy.head

    def forward(self, images: Tensor) -> Tensor:
        """(n, 3, size, size) in [0, 1] -> (n, 2, 2) as shares of the image."""
        return self.head(tokens(self.backbone, images))


def export(policy: TwoPointPolicy, path: Path) -> dict[str, float]:
    """Writes `path` and returns the largest difference to PyTorch; ExportError where it is too large."""
    import onnxruntime

    whole, size = WholePolicy(policy).eval(), policy.config.image_size
    images = torch.rand(3, 3, size, size, generator=torch.Generator().manual_seed(0))
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    with warnings.catch_warnings(action="ignore"):  # the exporter's, of its own parts
        torch.onnx.export(
            whole,
            (images,),
            str(part),
            opset_version=OPSET,
            input_names=["images"],
            output_names=["points"],
            dynamic_shapes={"images": {0: torch.export.Dim("n", min=1, max=1024)}},
            external_data=False,
            verbose=False,
        )
    session = onnxruntime.InferenceSession(str(part), providers=["CPUExecutionProvider"])
    difference = 0.0
    with torch.inference_mode():
        for count in (1, 3):
            found = session.run(None, {"images": images[:count].numpy()})[0]
            difference = max(difference, float(np.abs(found - whole(images[:count]).numpy()).max()))
    if not difference <= LIMIT:
        part.unlink()
        raise ExportError(
            f"exporting {policy.name}",
            f"ONNX differs from PyTorch by {difference:.2g}",
            f"at most {LIMIT}",
            "report this",
        )
    part.replace(path)
    return {"largest difference (share of the image)": difference}


def latency_ms(call: Callable[[], object], repeats: int) -> dict[str, float]:
    """Median and 95th percentile of single calls [ms], after three that are not counted."""
    times = []
    for i in range(repeats + 3):
        started = time.perf_counter()
        call()
        if i >= 3:
            times.append(1000 * (time.perf_counter() - started))
    return {"p50": float(np.percentile(times, 50)), "p95": float(np.percentile(times, 95))}


def latencies(policy: TwoPointPolicy, repeats: int, image: np.ndarray | None = None) -> dict[str, float]:
    """Of `predict_batch` on one picture as the cameras give it [ms]."""
    camera = policy.config.camera
    picture = np.zeros((1, camera.height, camera.width, 3), np.uint8) if image is None else image[None]
    return latency_ms(lambda: policy.predict_batch(picture), repeats)


def main(config: ExportConfig) -> int:
    """Exports, compares, measures; returns the exit code."""
    with locked_folder(config.out.parent):
        return _run(config)


def _run(config: ExportConfig) -> int:
    import onnxruntime

    policy = load_policy(config.policy)
    found: dict[str, Any] = dict(export(policy, config.out))
    size = policy.config.image_size
    session = onnxruntime.InferenceSession(str(config.out), providers=["CPUExecutionProvider"])
    one = np.zeros((1, 3, size, size), np.float32)
    found["latency PyTorch [ms]"] = latencies(policy, config.repeats)
    found["latency ONNX [ms]"] = latency_ms(lambda: session.run(None, {"images": one}), config.repeats)
    publish_bytes(config.out.with_name(config.out.name + ".json"), json.dumps(found, indent=1).encode())
    console = Console(highlight=False, soft_wrap=True)
    for name, value in found.items():
        console.print(f"{name}: {value}", markup=False)
    console.print(f"wrote {config.out}", markup=False)
    return 0
