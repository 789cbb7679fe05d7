"""Training of probes and policies: the loss falls, resuming is bit-exact, the backbone is unchanged; feature cache."""

import math
import sys
import types
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import distributed, multiprocessing
from torch._subclasses.fake_tensor import FakeTensorMode

from lace.alignment.checkpoints import CheckpointError
from lace.backbones import load_backbone
from lace.core.errors import DatasetError, InvalidValueError, UnknownNameError
from policies import labelled
from policies.features import SeenThrough, StoredFeatures, backbone_digest, cached_features
from policies.fit import Fit, FitConfig, predict, rate_at
from policies.heads import build_head
from policies.metrics import point_metrics
from policies.positions import patch_positions, sine_positions
from policies.probes import GAIN, WIDTH, AttentiveProbe, point_targets
from policies.regimes import Split, training_frames
from tests.demonstrations import EACH, make_demonstrations

CONFIG = FitConfig(iterations=6, batch=4, checkpoint_every=3, bf16=False)


def made_up(n=8, dim=16, side=4, seed=0):
    g = torch.Generator().manual_seed(seed)
    values = torch.randn(n, side, side, dim, generator=g)
    targets = torch.rand(n, 2, 2, generator=g).numpy().astype(float)
    return StoredFeatures(values, f"made up {seed}"), targets


def weights(head):
    return torch.cat([p.detach().flatten() for p in head.parameters()])


def fitted(config, head, data, folder=None, seen=None):
    fit = Fit(config, head, *data)
    if folder is not None:
        fit.resume(folder)
    return fit.run(seen, folder)


@pytest.mark.parametrize("kind", ["probe", "detr:small"])
def test_a_resumed_fit_equals_an_uninterrupted_one_bit_for_bit(tmp_path, kind):
    data = made_up()
    whole = fitted(CONFIG, build_head(kind, 16), data)
    started = Fit(CONFIG, build_head(kind, 16), *data)
    for _ in range(3):
        started.step()
    from lace.alignment import checkpoints

    checkpoints.save(tmp_path, CONFIG, started.identity, started.state())
    steps = []
    resumed = fitted(replace(CONFIG, log_every=1), build_head(kind, 16, seed=9), data, tmp_path, steps.append)
    assert [m["step"] for m in steps] == [4, 5, 6]
    assert torch.equal(weights(whole), weights(resumed))


@pytest.mark.parametrize("change", ["seed", "iterations", "data"])
def test_a_checkpoint_of_another_fit_is_refused(tmp_path, change):
    fitted(CONFIG, AttentiveProbe(16, 2), made_up(), tmp_path)
    config = CONFIG if change == "data" else replace(CONFIG, **{change: 7})
    with pytest.raises(CheckpointError, match="the run differs"):
        fitted(config, AttentiveProbe(16, 2), made_up(seed=1 if change == "data" else 0), tmp_path)


def test_the_rate_rises_then_falls_to_zero():
    config = FitConfig(iterations=100)
    rates = [rate_at(step, config) for step in range(101)]
    assert rates[0] == pytest.approx(0.1) and rates[9] == rates[10] == 1.0
    assert rates[55] == pytest.approx(0.5) and rates[100] == pytest.approx(0)
    assert all(np.diff(rates[10:]) < 0)


def test_unknown_targets_enter_no_loss():
    features, targets = made_up()
    spoiled = targets.copy()
    spoiled[:, 1] = np.nan
    head = fitted(replace(CONFIG, batch=8), AttentiveProbe(16, 2), (features, spoiled))
    first = AttentiveProbe(16, 2)
    assert torch.equal(head.queries[1], first.queries[1] * 0 + head.queries[1]) and torch.isfinite(weights(head)).all()
    decayed = first.queries[1] * math.prod(1 - 1e-3 * rate_at(s, CONFIG) * 0.05 for s in range(6))
    torch.testing.assert_close(head.queries[1], decayed)
    assert not torch.allclose(head.queries[0], first.queries[0], atol=1e-3)


def test_a_probe_pools_as_torch_s_multi_head_attention():
    features, _ = made_up(3, dim=24, side=5)
    probe = AttentiveProbe(24, 5, seed=3)
    with torch.no_grad():
        for parameter in probe.parameters():
            parameter.add_(
                0.3 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(parameter.numel()))
            )
        x = probe.project(GAIN * features.values.flatten(1, 2)) + patch_positions(5, 5, WIDTH).flatten(0, 1)
        plain, _ = probe.attention(probe.queries.expand(3, -1, -1), x, x, need_weights=False)
        torch.testing.assert_close(probe.pooled(features.values), plain, rtol=1e-4, atol=1e-4)


def test_positions_tell_every_patch_from_every_other():
    places = patch_positions(14, 14, 128).flatten(0, 1)
    gaps = torch.cdist(places, places) + 10 * torch.eye(len(places))
    assert gaps.min() > 1


@pytest.mark.parametrize("positions", [patch_positions, sine_positions])
def test_what_one_mode_computed_is_not_given_to_another(positions):
    """The export to ONNX traces with tensors that hold no numbers; tensors of inference cannot be trained through."""
    with FakeTensorMode():
        positions(3, 5, 16)
    with torch.inference_mode():
        positions(3, 5, 16)
    found = positions(3, 5, 16)
    assert type(found) is torch.Tensor and not found.is_inference()


def test_the_loss_is_the_mean_over_coordinates():
    features, targets = made_up(1)
    for name, power in (("mse", 2), ("l1", 1)):
        head = AttentiveProbe(16, 2)
        with torch.no_grad():
            gap = np.abs(head(features.values).numpy() - targets)
        fit = Fit(replace(CONFIG, loss=name), head, features, targets)
        assert float(fit.step()["loss"]) == pytest.approx((gap**power).mean(), rel=1e-5)


@pytest.mark.parametrize(
    ("features", "targets", "text"),
    [
        (8, np.zeros((7, 2, 2)), "same frames"),
        (8, np.full((8, 2, 2), np.nan), "no target"),
        (0, np.zeros((0, 2, 2)), "frames"),
    ],
)
def test_impossible_data_are_refused(features, targets, text):
    with pytest.raises(InvalidValueError, match=text):
        Fit(CONFIG, AttentiveProbe(16, 2), StoredFeatures(torch.zeros(features, 4, 4, 16), "x"), targets)


def test_pretrained_parts_learn_at_their_own_rate():
    head = build_head("detr:small", 16)
    head.pretrained = ("encoder", "decoder")
    fit = Fit(CONFIG, head, *made_up())
    old, new = fit.optimizer.param_groups
    assert (old["peak"], new["peak"]) == (1e-5, 1e-3)
    count = sum(p.numel() for part in (head.encoder, head.decoder) for p in part.parameters())
    assert sum(p.numel() for p in old["params"]) == count
    assert sum(p.numel() for p in new["params"]) == sum(p.numel() for p in head.parameters()) - count


def test_the_policy_overfits_eight_images_and_the_backbone_stays_frozen(tmp_path):
    frames = labelled.read(make_demonstrations(tmp_path / "data", 2), 32)
    assert len(frames) == 8
    backbone = load_backbone("tiny")
    before = backbone_digest(backbone)
    features = cached_features(backbone, frames, tmp_path / "cache")
    head = build_head("detr:small", backbone.dim)
    for module in head.modules():
        if hasattr(module, "dropout") and isinstance(module.dropout, float):
            module.dropout = 0.0  # it keeps a head from memorising eight images
    config = FitConfig(iterations=300, batch=8, loss="l1", bf16=False)
    Fit(config, head, features, point_targets(frames)).run()
    predicted = predict(head, features, 32)
    assert np.abs(predicted - frames.points).max() < 0.5
    assert point_metrics(predicted, frames.boxes, 32)["both"].mean() == 1
    assert backbone_digest(backbone) == before


def test_features_are_computed_once_for_one_content(tmp_path, monkeypatch):
    frames = labelled.read(make_demonstrations(tmp_path / "data", 2), 64)
    backbone = load_backbone("tiny")
    first = cached_features(backbone, frames, tmp_path / "cache")
    calls = []
    monkeypatch.setattr(type(backbone), "forward", lambda self, images: calls.append(1))
    again = cached_features(backbone, frames, tmp_path / "cache")
    assert not calls and torch.equal(first.values, again.values)
    (path,) = (tmp_path / "cache").iterdir()
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DatasetError, match="remove it"):
        cached_features(backbone, frames, tmp_path / "cache")
    moved = labelled.read(make_demonstrations(tmp_path / "elsewhere", 2), 64)
    assert moved.digest() == frames.digest()


OWN = """
from lace.backbones.families import PatchBackbone

class Own(PatchBackbone):
    def forward(self, images):
        return super().forward(images).roll({shift}, -1)
"""


def own_backbone(shift):
    """The tiny backbone in a class of the user's own, whose code says `shift`; the weights are always the same."""
    module = types.ModuleType("backbone_of_tests")
    sys.modules["backbone_of_tests"] = module
    exec(OWN.format(shift=shift), vars(module))
    backbone = load_backbone("tiny")
    backbone.__class__ = module.Own
    return backbone


def test_other_code_of_a_backbone_has_other_features(tmp_path):
    frames = labelled.read(make_demonstrations(tmp_path / "data", 1), 64)
    one, same, other = (cached_features(own_backbone(shift), frames, tmp_path / "cache") for shift in (1, 1, 2))
    assert one.digest == same.digest != other.digest and not torch.equal(one.values, other.values)
    assert SeenThrough(own_backbone(1), frames, 0, 0).digest != SeenThrough(own_backbone(2), frames, 0, 0).digest


@pytest.mark.parametrize("change", ["images", "order", "weights"])
def test_other_content_has_other_features(tmp_path, change):
    frames = labelled.read(make_demonstrations(tmp_path / "data", 2), 64)
    backbone = load_backbone("tiny")
    first = cached_features(backbone, frames, tmp_path / "cache")
    if change == "images":
        frames = labelled.read(make_demonstrations(tmp_path / "other", 2, seed=5), 64)
    elif change == "order":
        frames = frames.take(range(len(frames))[::-1])
    else:
        backbone = load_backbone("tiny", seed=1)
    again = cached_features(backbone, frames, tmp_path / "cache")
    assert again.digest != first.digest and not torch.equal(again.values, first.values)
    assert len(list((tmp_path / "cache").iterdir())) == 2


def test_labels_are_the_papers(tmp_path):
    frames = labelled.read(make_demonstrations(tmp_path / "data", 1), 32)
    record = frames.sources[0][1]
    seen = record.visibility[list(labelled.POSE_POINTS)] >= 2
    points = record.keypoints_uv[list(labelled.POSE_POINTS)] / 2
    np.testing.assert_allclose(frames.pose[1][seen], points[seen], rtol=1e-5)
    assert np.isnan(frames.pose[1][~seen]).all()
    np.testing.assert_allclose(frames.boxes[1, 0], [*points[seen].min(0), *points[seen].max(0)], rtol=1e-5)
    np.testing.assert_allclose(frames.boxes[1, 1], record.boxes["target@segmentation"] / 2, rtol=1e-5)
    assert frames.images([1]).shape == (1, 3, 32, 32)


def test_regimes_hold_exactly_the_episodes_that_they_say(tmp_path):
    human = labelled.read(make_demonstrations(tmp_path / "human", 2, seed=1), 64)
    robot = labelled.read(make_demonstrations(tmp_path / "robot", 12, seed=2), 64)
    mine, theirs = human.episodes, robot.episodes
    assert len(theirs) == 12 and all(episode.frames == EACH for episode in theirs)
    assert training_frames([human], [robot], "zero").episodes == mine
    assert training_frames([human], [robot], "few").episodes == mine + theirs[:2]  # 10 % of 12, rounded up
    assert training_frames([human], [robot], "co").episodes == mine + theirs
    assert len(training_frames([human], [robot], "few")) == 16
    with pytest.raises(DatasetError, match="no robot demonstrations"):
        training_frames([human], [], "few")
    with pytest.raises(UnknownNameError, match="'few'"):
        training_frames([human], [robot], "fewe")


def test_a_demonstration_that_trains_and_tests_is_an_error_wherever_it_lies(tmp_path):
    train = labelled.read(make_demonstrations(tmp_path / "a", 3, seed=1), 64)
    other = labelled.read(make_demonstrations(tmp_path / "b", 3, seed=2), 64)
    split = Split(train, {"lab": other})
    assert [len(part) for part in split.manifest().values()] == [3, 3]
    copy = labelled.read(make_demonstrations(tmp_path / "c", 3, seed=1), 64)
    with pytest.raises(DatasetError, match="demonstration 0 of .*c .lab. is also demonstration 0 of .*a, which trains"):
        Split(train, {"lab": copy})
    # Regenerated with more frames: other demonstrations by hash, containing the same images.
    part = copy.take([5])
    with pytest.raises(DatasetError, match="is also"):
        Split(train.take([i for i in range(len(train)) if i != 4]), {"lab": part})


@pytest.mark.slow
def test_several_processes_fit_as_one(tmp_path):
    data = made_up()
    one = weights(fitted(CONFIG, AttentiveProbe(16, 2), data))
    multiprocessing.spawn(_fit_in_process, (tmp_path,), nprocs=2)
    two = torch.load(tmp_path / "weights.pt")
    torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-6)


def _fit_in_process(rank, folder):
    distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    head = fitted(CONFIG, AttentiveProbe(16, 2), made_up())
    if rank == 0:
        torch.save(weights(head), folder / "weights.pt")
    distributed.destroy_process_group()
