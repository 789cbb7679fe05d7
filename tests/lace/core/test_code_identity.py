"""A function's identity follows what it does: its own code, what it calls, constants, but not where it is written."""

import os
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import pytest

from assets.robots import ROBOTS
from lace.core.code_identity import code_of

BASE = """
import numpy as np
SCALE = {"a": (1.0, 2.0)}
TABLE = np.array([1, 2])
class Arm:
    reach = 3
    def length(self):
        return self.reach * 2
def inner(x):
    return x + 1
def build(x, y=4):
    return inner(x) + SCALE["a"][0] + TABLE[0] + Arm().length()
"""


def identity(text: str, name: str = "recipe_module") -> str:
    names = {"__name__": name}
    exec(compile(text, "recipe", "exec"), names)
    return code_of(names["build"])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("return x + 1", "return x + 2"),
        ("return x + 1", "return x - 1"),
        ("(1.0, 2.0)", "(1.0, 2.5)"),
        ("np.array([1, 2])", "np.array([1, 3])"),
        ("reach = 3", "reach = 4"),
        ("self.reach * 2", "self.reach + 2"),
        ("y=4", "y=5"),
        ("inner(x) +", "inner(x) -"),
    ],
)
def test_what_changes_the_result_changes_the_identity(old, new):
    assert old in BASE
    assert identity(BASE) != identity(BASE.replace(old, new))


def test_comments_and_places_do_not_count():
    assert identity(BASE) == identity("# a comment\n\n" + BASE.replace("x + 1", "x + 1  # one more"))


def test_bound_arguments_and_further_values_count():
    def build(scale):
        return scale

    assert (
        len({code_of(partial(build, 1)), code_of(partial(build, 2)), code_of(build), code_of(build, "mujoco 3")}) == 4
    )
    assert code_of(partial(build, np.ones(3))) == code_of(partial(build, np.ones(3)))


def test_it_is_the_same_in_another_process():
    names = list(ROBOTS)
    program = (
        "from assets.robots import ROBOTS; from lace.core.code_identity import code_of\n"
        "print(*(code_of(ROBOTS[name].build) for name in ROBOTS))"
    )
    environment = os.environ | {"PYTHONHASHSEED": "7"}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.split() == [code_of(ROBOTS[name].build) for name in names]


def test_bases_members_and_local_imports_count():
    text = """
class Base:
    def size(self):
        return 1
class Part(Base):
    @property
    def twice(self):
        return self.size() * 2
part = Part()
def build():
    from lace.core.geometry import invert
    return part.twice, invert
"""
    assert (
        len({identity(text), identity(text.replace("return 1", "return 3")), identity(text.replace("* 2", "* 4"))}) == 3
    )


def test_two_instances_that_hold_each_other_are_followed_once():
    text = """
class Node:
    other = None
one, two = Node(), Node()
one.other, two.other, two.size = two, one, 4
def build():
    return one
"""
    assert identity(text) == identity(text) != identity(text.replace("4", "5"))


def test_a_package_that_is_left_out_is_not_followed():
    from lace.core.geometry import invert

    def build():
        return invert

    assert code_of(build) != code_of(build, without=("lace",))


def test_what_an_instance_has_computed_so_far_does_not_count():
    @dataclass(frozen=True)
    class Doll:
        height: float

        @cached_property
        def parts(self):
            return self.height * 2

    fresh, used = Doll(3.0), Doll(3.0)
    assert used.parts == 6.0
    assert code_of(fresh) == code_of(used) != code_of(Doll(4.0))
