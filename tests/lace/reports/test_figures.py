"""Figures are PNGs of a reasonable size with reproducible bytes; missing inputs are named."""

import json

import cv2
import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from lace.backbones.described import Described
from lace.core.errors import InvalidValueError
from lace.reports.correspondence_figure import colour_of, correspondence_figure
from lace.reports.figures import loss_figure


def decoded(png):
    return cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)


@pytest.mark.parametrize("seen", [True, False])
def test_correspondence_figure(seen):
    features = normalize(torch.eye(4).expand(2, -1, -1), dim=-1)
    points = torch.tensor([[[5.0, 5.0], [15.0, 15.0]]]).expand(2, -1, -1)
    data = Described(features, (2, 2), points, torch.full((2, 2), seen), 10)
    image = np.zeros((20, 20, 3), np.uint8)
    views = {"before": (data, data), "after": (data, data)}
    first = correspondence_figure((image, image), views, 0, 1)
    assert min(decoded(first).shape[:2]) > 300
    assert first == correspondence_figure((image, image), views, 0, 1)


def test_a_finger_has_one_colour():
    assert len({colour_of(k) for k in range(21)}) == 6
    assert len({colour_of(k) for k in (5, 6, 7, 8)}) == 1 and colour_of(4) != colour_of(5)


def test_loss_curves(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text("\n".join(json.dumps({"step": s, "loss": 1 / (s + 1), "gram": 0.0}) for s in range(4)))
    assert min(decoded(loss_figure(path)).shape[:2]) > 200
    with pytest.raises(InvalidValueError, match="missing or empty"):
        loss_figure(tmp_path / "none.jsonl")
