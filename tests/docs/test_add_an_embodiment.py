"""docs/add-an-embodiment.md: its code is complete, runs, and passes the tests of registered robots."""

import re

import pytest

import assets.robots
from lace.core.registry import Registry
from tests import ROOT
from tests.assets.robots import test_robots

PAGE = (ROOT / "docs" / "add-an-embodiment.md").read_text()
FILE, LINE = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
LAWS = [
    law
    for name, law in vars(test_robots).items()
    if name.startswith("test_") and "any_robot" in law.__code__.co_varnames
]


@pytest.fixture(scope="module")
def robot():
    names = {"ROBOTS": Registry("robot")}
    exec(FILE + LINE, names)
    return names["ROBOTS"]["xarm7_rod"](None)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_the_example_passes_the_tests_of_robots(law, robot):
    law(robot)


def test_the_example_is_partial_and_not_registered_already(robot):
    assert robot.embodiment.present.sum() == 3 and robot.embodiment.fingers == ()
    assert "xarm7_rod" not in assets.robots.ROBOTS


@pytest.mark.parametrize(("file", "lines"), re.findall(r"`(assets/robots/\w+\.py)`, (\d+) lines", PAGE))
def test_the_lines_that_embodiments_took_are_counted_right(file, lines):
    assert len((ROOT / file).read_text().splitlines()) == int(lines)
