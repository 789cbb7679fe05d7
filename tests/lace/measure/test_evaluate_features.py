"""Linear probes on tiny folders: linear classes are learned, others stay at chance; invalid folders are named."""

import json
import shutil

import cv2
import numpy as np
import pytest
import torch
from torch.nn.functional import avg_pool2d

from lace.backbones.families import PatchBackbone
from lace.cli import main as cli
from lace.core.errors import DatasetError
from lace.measure.linear_classification import ClassificationConfig, classification, fit_linear
from lace.measure.linear_segmentation import SegmentationConfig, SegmentationFolder, fit_head, mean_iou, overlaps
from lace.measure.protocol_segmentation import DropoutHead, WindowConfig, positions, sliding_logits

SIZE, CPU = 32, torch.device("cpu")
COLOURS = {"blue": (40, 60, 200), "green": (30, 180, 60), "red": (210, 40, 50)}


class MeanColour(torch.nn.Module):
    name, patch, dim = "mean colour", 8, 3

    def forward(self, images):
        return avg_pool2d(images, self.patch).permute(0, 2, 3, 1)

    def pooled(self, images):
        return images.mean((2, 3))


def save(path, rgb):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.ascontiguousarray(rgb[..., ::-1]) if rgb.ndim == 3 else rgb)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("imagenet"), np.random.default_rng(0)
    for part, count in (("train", 6), ("val", 4)):
        for name, rgb in COLOURS.items():
            for i in range(count):
                noisy = np.clip(rng.normal(rgb, 20, (40, 48, 3)), 0, 255).astype(np.uint8)
                save(folder / part / name / f"{i}.png", noisy)
    return folder


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    """The left half is class 1 or 2 by its colour, the right half class 3, the lowest quarter has no class."""
    folder, rng = tmp_path_factory.mktemp("ade20k"), np.random.default_rng(0)
    for part, count in (("training", 8), ("validation", 4)):
        for i in range(count):
            left = 1 + i % 2
            label = np.full((64, 64), 3, np.uint8)
            label[:, :32], label[48:] = left, 0
            image = np.array([(0, 0, 0), *COLOURS.values()])[label]
            image[48:] = rng.integers(0, 256, (16, 64, 3))
            save(folder / "images" / part / f"scene_{i}.jpg", image.astype(np.uint8))
            save(folder / "annotations" / part / f"scene_{i}.png", label)
    return folder


def test_linearly_separable_classes_are_found(images):
    rate, classes = classification(
        MeanColour(), images, SIZE, CPU, ClassificationConfig(epochs=300, learning_rate=0.05)
    )
    assert (rate.successes, rate.n, classes) == (12, 12, 3)
    assert rate.low < 1 == rate.high


def test_noise_features_score_at_chance():
    g = torch.Generator().manual_seed(0)
    x, y = torch.randn(400, 4, generator=g), torch.randint(0, 4, (400,), generator=g)
    head = fit_linear(x[:200], y[:200], 4, ClassificationConfig())
    hits = float((head(x[200:]).argmax(-1) == y[200:]).double().mean())
    assert abs(hits - 0.25) < 0.1


def test_probe_ignores_scale_and_shift_of_features():
    g = torch.Generator().manual_seed(0)
    x, y = torch.randn(60, 3, generator=g), torch.arange(60) % 3
    plain = fit_linear(x, y, 3, ClassificationConfig(epochs=5))(x)
    moved = fit_linear(100 * x + 7, y, 3, ClassificationConfig(epochs=5))(100 * x + 7)
    torch.testing.assert_close(plain, moved, atol=1e-3, rtol=1e-3)


def test_segments_of_linear_features_are_found(scenes):
    config = SegmentationConfig(classes=4, iterations=150, batch=4, learning_rate=0.05)
    train, val = (SegmentationFolder(scenes, part, SIZE, 4) for part in ("train", "val"))
    head = fit_head(MeanColour(), train, CPU, config, 0)
    hits, unions = overlaps(MeanColour(), head, val, CPU, 0)
    assert hits.shape == unions.shape == (4, 4)
    assert hits[:, 3].sum() == 0
    assert unions.sum(1).max() <= 2 * 24 * 32
    assert mean_iou(hits[:, :3], unions[:, :3]).value > 0.8


def test_mean_iou_by_hand():
    """Class 0: (2 + 0) of (4 + 4), class 1: (3 + 3) of (3 + 3), class 2 absent: (1/4 + 1) / 2."""
    found = mean_iou(np.array([[2.0, 3, 0], [0, 3, 0]]), np.array([[4.0, 3, 0], [4, 3, 0]]))
    assert found.value == 0.625
    assert (found.low, found.high) == (0.5, 0.75)


def test_wrong_folders_are_named(images, scenes, tmp_path):
    with pytest.raises(DatasetError, match=r"val/CLASS/IMAGE"):
        classification(MeanColour(), scenes, SIZE, CPU, ClassificationConfig())
    with pytest.raises(DatasetError, match="no jpg in"):
        SegmentationFolder(images, "train", SIZE, 4)
    with pytest.raises(DatasetError, match="up to 3"):
        SegmentationFolder(scenes, "train", SIZE, 2)[0]
    for part in ("train", "val"):
        save(tmp_path / part / "both" / "0.png", np.zeros((8, 8, 3), np.uint8))
    save(tmp_path / "train" / "only" / "0.png", np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(DatasetError, match="one part only: only"):
        classification(MeanColour(), tmp_path, SIZE, CPU, ClassificationConfig())


def test_the_command_prints_n_and_intervals_beside_the_paper(images, scenes, tmp_path, capsys):
    words = [
        "evaluate",
        "features",
        "--quick",
        "--out",
        tmp_path / "out",
        "--backbone",
        "tiny",
        "--classification",
        images,
    ]
    words += ["--segmentation", scenes, "--image-size", 64, "--workers", 0, "--device", "cpu", "--classifier.epochs", 2]
    words += ["--head.iterations", 2, "--head.batch", 2, "--head.classes", 3]
    assert cli.main([str(word) for word in words]) == 0
    printed = capsys.readouterr()
    assert "paper, LACE-DINO 74.86" in printed.out and "paper, DINO 42.12" in printed.out
    assert "RANDOM weights" in printed.err
    found = json.loads((tmp_path / "out" / "features.json").read_text())
    assert found["top1"]["n"] == 12 and found["miou"]["n"] == 4
    assert found["miou"]["low"] <= found["miou"]["value"] <= found["miou"]["high"]
    assert "not comparable with the paper" in (tmp_path / "out" / "report.html").read_text()
    assert "Clopper-Pearson" in (tmp_path / "out" / "report.html").read_text()
    assert cli.main(["evaluate", "features", "--out", str(tmp_path)]) == 2


def test_the_full_protocol_finds_what_is_linear_and_resumes_from_its_cache(images, scenes, tmp_path, monkeypatch):
    words = ["evaluate", "features", "--out", tmp_path / "out", "--backbone", "tiny", "--classification", images]
    words += ["--segmentation", scenes, "--image-size", 64, "--workers", 0, "--device", "cpu", "--classes", 3]
    words += ["--sweep.steps", 60, "--sweep.batch", 8, "--sweep.learning-rates", 0.001, 0.1]
    words += ["--window.window", 64, "--window.stride", 32, "--window.iterations", 6, "--window.batch", 2]
    assert cli.main([str(word) for word in words]) == 0
    found = json.loads((tmp_path / "out" / "features.json").read_text())
    assert found["top1"]["protocol"] == found["miou"]["protocol"] == "DINOv2 linear"
    assert found["top1"]["value"] > 0.6, "the mean colour separates these classes"
    assert found["top1"]["learning_rate"] in (0.001, 0.1)
    assert "Protocols of DINOv2" in (tmp_path / "out" / "report.html").read_text()
    monkeypatch.setattr(PatchBackbone, "pooled", lambda *_: pytest.fail("features are cached"))
    assert cli.main([str(word) for word in words]) == 0
    again = json.loads((tmp_path / "out" / "features.json").read_text())
    assert (again["top1"], again["miou"]) == (found["top1"], found["miou"])


def test_windows_cover_the_image_to_its_end():
    assert positions(512, 512, 341) == [0]
    assert positions(700, 512, 341) == [0, 188]
    assert positions(853, 512, 341) == [0, 341]
    for extent in range(512, 1400, 37):
        starts = positions(extent, 512, 341)
        assert starts[-1] + 512 == extent and max(np.diff(starts), default=0) <= 341


def test_sliding_logits_of_one_window_are_those_of_the_head():
    torch.manual_seed(0)
    head = DropoutHead(3, 4, 0.1).eval()
    config = WindowConfig(window=32, stride=16)
    image = torch.rand(3, 32, 32)
    found = sliding_logits(MeanColour(), torch.nn.ModuleList([head]), image, config, CPU)
    torch.testing.assert_close(found[0], head(MeanColour()(image[None]), 32)[0])
    wide = torch.full((3, 32, 80), 0.3)
    flat = sliding_logits(MeanColour(), torch.nn.ModuleList([head]), wide, config, CPU)
    assert flat.shape == (1, 4, 32, 80)
    assert float(flat.std(dim=(-1, -2)).max()) < 1e-5


def test_labels_of_another_size_are_refused(scenes, tmp_path):
    for part in ("training", "validation"):
        save(tmp_path / "images" / part / "a.jpg", np.zeros((8, 8, 3), np.uint8))
        save(tmp_path / "annotations" / part / "a.png", np.zeros((8, 16), np.uint8))
    with pytest.raises(DatasetError, match="labels of .16, 8. px for an image of .8, 8. px"):
        SegmentationFolder(tmp_path, "train", SIZE, 2)[0]


@pytest.mark.parametrize("changed", ["classification", "segmentation"])
def test_other_images_under_the_same_name_are_refused(images, scenes, tmp_path, changed, capsys):
    folders = {"classification": tmp_path / "imagenet", "segmentation": tmp_path / "ade20k"}
    shutil.copytree(images, folders["classification"])
    shutil.copytree(scenes, folders["segmentation"])
    words = ["evaluate", "features", "--quick", "--out", tmp_path / "out", "--backbone", "tiny", "--device", "cpu"]
    words += ["--classification", folders["classification"], "--segmentation", folders["segmentation"]]
    words += ["--image-size", 64, "--workers", 0, "--classifier.epochs", 2, "--head.iterations", 2, "--head.batch", 2]
    words = [*map(str, words), "--head.classes", "3"]
    assert cli.main(words) == 0
    moved = tmp_path / "elsewhere"
    folders[changed].rename(moved)
    assert cli.main([word.replace(str(folders[changed]), str(moved)) for word in words]) == 0, "content, not place"
    file = next(moved.rglob("*.png"))
    file.write_bytes(cv2.imencode(".png", 255 - cv2.imread(str(file), cv2.IMREAD_UNCHANGED) % 3)[1])
    moved.rename(folders[changed])
    capsys.readouterr()
    assert cli.main(words) == 2
    said = capsys.readouterr().err
    assert "made with other values" in said and f"{changed} images" in said
