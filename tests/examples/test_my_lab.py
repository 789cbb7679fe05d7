"""The example package adds to every registry once it is installed, and is imported only where it is used."""

import shutil
import subprocess
import sys

import numpy as np
import pytest

from assets.objects import OBJECTS
from assets.robots import ROBOTS
from lace.backbones import BACKBONES, load_backbone
from lace.backbones.identity import source_digest
from lace.cli.main import main
from lace.core.errors import AssetError, UnknownNameError
from lace.core.plugins import plugins
from lace.data.dataset import FrameDataset
from policies import POLICIES, make_policy
from real_bridge.cameras import open_camera
from tests import ROOT

PIP = (sys.executable, "-m", "pip", "install", "-q", "--no-index", "--no-deps", "--no-build-isolation")


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with the package installed, without network."""
    source, target = tmp_path_factory.mktemp("source") / "my_lab", tmp_path_factory.mktemp("site")
    shutil.copytree(ROOT / "examples" / "my_lab", source)
    subprocess.run([*PIP, "--target", str(target), str(source)], check=True)
    return target


@pytest.fixture
def my_lab(installed, monkeypatch):
    """The package on this process' path for one test."""
    monkeypatch.syspath_prepend(installed)
    plugins.cache_clear()
    sys.modules.pop("my_lab", None)
    yield
    monkeypatch.undo()
    plugins.cache_clear()
    sys.modules.pop("my_lab", None)
    for registry in (ROBOTS, OBJECTS, BACKBONES, POLICIES):
        registry._made.clear()


@pytest.mark.parametrize(
    ("kind", "name"),
    [("embodiments", "my_rod"), ("objects", "my_block"), ("backbones", "my_patches"), ("policies", "my_guess")],
)
def test_what_a_package_adds_is_listed_with_its_origin(my_lab, capsys, kind, name):
    assert main(["list", kind]) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith(f"{name} "))
    assert "my-lab 0.1" in line


def test_nothing_is_imported_before_it_is_used(my_lab):
    assert "my_block" in OBJECTS and "my_rod" in ROBOTS.names()
    assert "my_lab" not in sys.modules
    assert OBJECTS["my_block"].family == "block" and "my_lab" in sys.modules


def test_a_package_that_is_not_installed_adds_nothing():
    assert "my_block" not in OBJECTS
    with pytest.raises(UnknownNameError):
        ROBOTS["my_rod"]


def test_backbone_policy_and_driver_of_a_package(my_lab):
    import torch

    assert load_backbone("my_patches").features(torch.zeros(1, 3, 32, 64)).shape == (1, 2, 4, 3)
    assert make_policy("my_guess").name == "my_guess"
    assert np.all(open_camera("my_grey").newest().image == 128)


def test_a_backbone_whose_code_changed_is_another(my_lab, monkeypatch):
    import my_lab as package

    before = source_digest("my_patches")
    assert "my-lab 0.1" in before and source_digest("tiny") == "tiny"
    assert source_digest("my_patches") == before
    monkeypatch.setattr(package.Patches, "features", lambda self, images: images)
    assert source_digest("my_patches") != before


def test_frames_of_a_package_s_robot_with_its_object(my_lab, tmp_path):
    words = "generate robot --preset clean --embodiment my_rod --axes.target.names my_block --width 64 --height 64"
    assert main([*words.split(), "--frames", "2", "--min-visible", "1", "--out", str(tmp_path / "frames")]) == 0
    frame = FrameDataset(tmp_path / "frames")[0]
    assert frame.embodiment == "my_rod" and frame.objects[0]["object"] == "my_block"


def test_a_package_that_cannot_be_imported_is_named(my_lab, installed, monkeypatch):
    monkeypatch.setitem(sys.modules, "my_lab", None)  # importing it fails
    with pytest.raises(AssetError, match="my-lab 0.1"):
        OBJECTS["my_block"]
