"""Packages travel in volumes of limited size: cut files come back whole, what is missing or damaged is told."""

import subprocess
import sys
import zipfile

import numpy as np
import pytest

from benchmarks.stage import add, joined, name_of, needed, pack, pieces
from tests import ROOT

LIMIT = 1000


@pytest.fixture
def packed(tmp_path):
    """Three files, one of which needs several volumes, in volumes of LIMIT bytes."""
    source = tmp_path / "source"
    source.mkdir()
    for name, size in {"large.whl": 2700, "small.whl": 300, "empty.tar": 0}.items():
        (source / name).write_bytes(np.random.default_rng(size).bytes(size))
    return source, pack(source, tmp_path / "volumes", LIMIT)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_pieces_cover_every_byte_once(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(bytes(2500))
    assert [piece[1:] for piece in pieces([path], LIMIT)] == [(0, 1000), (1000, 1000), (2000, 500)]


def test_volumes_keep_the_limit_and_come_back_whole(packed, tmp_path):
    source, volumes = packed
    assert len(volumes) == 3
    for volume in volumes:
        assert sum(path.stat().st_size for path in volume.glob("*@*")) <= LIMIT
    for volume in reversed(volumes):
        add(volume, tmp_path / "store")
    joined(tmp_path / "store", tmp_path / "out")
    assert contents(tmp_path / "out") == contents(source)


def test_a_missing_or_damaged_volume_is_told(packed, tmp_path):
    for volume in packed[1][:2]:
        add(volume, tmp_path / "store")
    with pytest.raises(SystemExit, match=r"large.whl: .* of 2700 bytes; add its other volumes"):
        joined(tmp_path / "store", tmp_path / "out")
    add(packed[1][2], tmp_path / "store")
    next((tmp_path / "store").glob("large.whl@0")).write_bytes(bytes(1000))
    with pytest.raises(SystemExit, match="another SHA-256"):
        joined(tmp_path / "store", tmp_path / "out")


def test_the_script_installs_a_wheel_from_its_pieces(tmp_path):
    wheel = tmp_path / "wheels" / "carried-1.0-py3-none-any.whl"
    wheel.parent.mkdir()
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("carried.py", "ANSWER = 42\n")
        archive.writestr("carried-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: carried\nVersion: 1.0\n")
        archive.writestr(
            "carried-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr("carried-1.0.dist-info/RECORD", "")

    def step(*words):
        return subprocess.run(
            [sys.executable, ROOT / "benchmarks" / "stage.py", *words], check=True, text=True, stdout=subprocess.PIPE
        )

    text = step("pack", wheel.parent, tmp_path / "volumes", "--limit", "200").stdout
    commands = [line.split("stage.py ")[1].split() for line in text.splitlines()]
    assert len(commands) > 2
    for _add, volume, _store in commands:
        step("add", volume, tmp_path / "store")
    step("install", tmp_path / "store", tmp_path / "site")
    assert "ANSWER = 42" in (tmp_path / "site" / "carried.py").read_text()


def test_what_is_needed_is_what_is_not_there():
    everything = needed(())
    assert (
        "warp-lang" in everything
        and "numpy" in everything
        and not any(name.startswith("nvidia") for name in everything)
    )
    rest = needed(["numpy==2.1", "torch", "transformers==5.0"])
    assert "warp-lang" in rest and not {"numpy", "torch", "transformers"} & rest.keys()
    assert name_of("Typing_Extensions>=4; python_version < '3.13'") == "typing-extensions"
