"""Searches grasps that hold an object at any yaw: `lace assets find-grasp FILE --embodiment NAME`.

The hand alone moves on a vertical slide over the object: it descends open, closes and lifts. Random grasps are screened
for collisions, evaluated under noise, and the best are varied (cross-entropy search); the best one is evaluated again
with new noise, and those figures are stored. Object files keep the best grasp found so far.
"""

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
from rich.console import Console
from tyro.conf import Positional, arg

import assets.grasps as grasps
from assets.objects import OBJECTS
from assets.objects.hulls import convex_parts
from assets.objects.own import own_names
from assets.robots import ROBOTS
from lace.core.draws import seed64
from lace.core.errors import InvalidValueError
from lace.core.geometry import Array, axis_angle, transform
from lace.core.grasp import Grasp
from lace.core.limits import Within, check_numbers
from sim_envs.config.axes import MeshMass, MeshSize, MeshUp
from sim_envs.grasp_search.slide import HandOnSlide
from sim_envs.grasp_search.space import GraspSpace

SCALES = (0.92, 1.03, 1.14)
"""Sizes that are tried: the target axis draws 0.9 to 1.15."""
DEFAULT_HALF_M = ((0.03, 0.03, 0.06), (0.03, 0.03, 0.09), (0.025, 0.04, 0.075))
"""Half width, half depth and height of the boxes of the default grasp [m]."""
XY_NOISE_M, FRICTION = 0.008, (0.6, 1.0)
"""Standard deviation of where the object stands, and its range of sliding friction."""
ELITE, ROUNDS, EXPLORE = 12, 24, 0.4
"""Grasps kept, trials of each, and the share of the time in which they are drawn at random."""


def _robots(default: str) -> str:
    return f"(ours: {', '.join(ROBOTS)}; default: {default})"


@dataclass
class SearchConfig:
    """Searches how a hand grasps an object, and stores the grasp if it is better than the stored one."""

    target: Annotated[str, Positional] = "dinosaur"
    """Name or mesh file of an object, or "default": upright boxes of three sizes represent unknown objects. A file's
    grasp is stored beside it, in FILE.grasps.json."""
    embodiment: Annotated[str, arg(help_behavior_hint=_robots)] = grasps.LEAP
    """Whose hand: a name, a folder with a robot of your own (the grasp is stored beside it, in FOLDER.grasps.json), or
    module:NAME."""
    assets: Path | None = None
    """Your own robot description files instead of the pinned wheels."""
    size_m: MeshSize = None
    """Longest side of a mesh file [m], as `--target-size` of other commands says it."""
    mass_kg: MeshMass = None
    """Its mass [kg]."""
    up: MeshUp = ""
    """Its axis that points up."""
    seconds: Annotated[float, Within(1)] = 200
    """CPU time for the search [s]."""
    seed: int = 0
    start_from: str = ""
    """Target whose stored grasp is varied instead of starting at random."""
    retest: bool = False
    """Only evaluate the stored grasp of `target` (or of "all") again and store the new figures."""
    test_trials: Annotated[int, Within(1)] = 200
    """New trials of the best grasp."""

    def __post_init__(self):
        check_numbers(self)

    @property
    def name(self) -> str:
        """Of the object in assets OBJECTS, or "default"."""
        return own_names((self.target,), self.size_m, self.mass_kg, self.up)[0]


class Search:
    """One target's search."""

    def __init__(self, config: SearchConfig):
        self.config, self.robot = config, ROBOTS[config.embodiment](config.assets)
        self.space = GraspSpace(self.robot.embodiment)
        shapes, self.mass = shapes_of(config.name)
        self.hands = [HandOnSlide(self.robot, hulls) for hulls in shapes]

    def stored(self, target: str) -> Grasp:
        """The grasp that this hand has for a target."""
        return grasps.grasp_for(target, self.robot.embodiment.name, self.robot.grasps)

    def decode(self, values: Array) -> Grasp:
        """The grasp of a parameter vector."""
        return self.space.decode(values, self.config.name)

    def successes(self, grasp: Grasp, trials: int, rng: np.random.Generator, quit_after: int | None = None) -> int:
        """Number of successful lifts in `trials` under noise; stops after `quit_after` failures."""
        good = 0
        for i in range(trials):
            hand = self.hands[i % len(self.hands)]
            T = transform(axis_angle([0, 0, 1], rng.uniform(-np.pi, np.pi)), [*rng.normal(0, XY_NOISE_M, 2), 0])
            hand.start(grasp, T, rng.uniform(*self.mass), rng.uniform(*FRICTION))
            good += hand.lifts(grasp)
            if quit_after is not None and i + 1 - good >= quit_after:
                break
        return good

    def run(self) -> Grasp:
        """The best grasp found in the available time, with new figures."""
        config, rng = self.config, np.random.default_rng([seed64(self.config.seed), len(self.config.name)])
        begun, elite, drawn = time.process_time(), [], 0
        if config.start_from:
            known = self.space.encode(self.stored(config.start_from))
            elite = [(self.successes(self.decode(known), ROUNDS, rng), known)] * 2
        while (spent := time.process_time() - begun) < config.seconds:
            explore = not config.start_from and (spent < EXPLORE * config.seconds or len(elite) < 2)
            values = rng.uniform(self.space.low, self.space.high) if explore else self._vary(elite, rng)
            grasp, drawn = self.decode(values), drawn + 1
            if not self.hands[1].is_clear(grasp):
                continue
            bar = elite[-1][0] if len(elite) == ELITE else 1
            good = self.successes(grasp, ROUNDS, rng, quit_after=max(ROUNDS - bar, 1) if bar > 5 else 4)
            if good > bar:
                elite = sorted([*elite, (good, values)], key=lambda row: -row[0])[:ELITE]
                _say(f"{spent:5.0f} s, {drawn} drawn: best {[row[0] for row in elite]} of {ROUNDS}")
        return self._winner(elite, rng)

    def _vary(self, elite: list[tuple[int, Array]], rng: np.random.Generator) -> Array:
        a, b = (elite[i][1] for i in rng.integers(len(elite), size=2))
        mixed = np.where(rng.random(len(a)) < 0.5, a, b)
        step = rng.normal(0, 0.08, len(a)) * (self.space.high - self.space.low) * (rng.random(len(a)) < 0.5)
        return np.clip(mixed + step, self.space.low, self.space.high)

    def _winner(self, elite: list[tuple[int, Array]], rng: np.random.Generator) -> Grasp:
        if not elite:
            raise InvalidValueError(
                f"searching a grasp of {self.config.name}",
                f"no drawn grasp lifted it often in {self.config.seconds:g} s",
                "an object that a hand can hold, and time",
                "give more --seconds, or --start-from dinosaur",
            )
        semi = [(self.successes(self.decode(values), 60, rng), values) for _good, values in elite[:6]]
        grasp = self.decode(max(semi, key=lambda row: row[0])[1])
        good = self.successes(grasp, self.config.test_trials, rng)
        return replace(grasp, trials=self.config.test_trials, successes=good)


def shapes_of(target: str) -> tuple[list[tuple[Array, ...]], tuple[float, float]]:
    """Convex parts of each shape that is tried, and the range of mass."""
    if target != grasps.DEFAULT:
        return [tuple(scale * hull for hull in convex_parts(target)) for scale in SCALES], OBJECTS[target].mass_kg
    unit = np.stack(np.meshgrid([-1, 1], [-1, 1], [0, 1]), -1).reshape(-1, 3)
    return [(unit * half,) for half in DEFAULT_HALF_M], (0.05, 0.25)


def _say(text: str) -> None:
    Console(soft_wrap=True, highlight=False).print(text, markup=False)


def retest(config: SearchConfig) -> None:
    """Evaluates stored grasps on the current shapes and replaces their figures."""
    recipe = ROBOTS[config.embodiment]
    for target in grasps.targets_of(recipe.name, recipe.grasps) if config.target == "all" else [config.name]:
        search = Search(replace(config, target=target))
        rng, known = np.random.default_rng([seed64(config.seed), len(target)]), search.stored(target)
        good = search.successes(known, config.test_trials, rng)
        _say(f"{target}: {good} of {config.test_trials} lift; stored {known.successes} of {known.trials}")
        grasps.store(replace(known, successes=good, trials=config.test_trials), recipe.grasps, always=True)


def main(config: SearchConfig) -> int:
    """Searches and stores."""
    if config.name != grasps.DEFAULT and config.target != "all":
        OBJECTS[config.name]
    if config.retest:
        retest(config)
        return 0
    search = Search(config)
    grasp = search.run()
    _say(f"{grasp.target}: {grasp.successes} of {grasp.trials} fresh trials lift")
    file = grasps.store(grasp, search.robot.grasps)
    _say(f"stored in {file}" if file else "the grasp that is stored is as good")
    return 0
