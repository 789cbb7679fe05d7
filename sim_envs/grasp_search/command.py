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
"""Grasps kept, trials of each at a time, and the share of the time in which they are drawn at random."""
STEPS = (0.02, 0.05, 0.1)
"""Standard deviations of a change, as shares of each parameter's range; one is drawn for each new candidate."""
FINALISTS, FINAL_TRIALS = 4, 240
"""Grasps between which the search decides at its end, and how often each has been tried by then."""


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


@dataclass
class Candidate:
    """A parameter vector, and how often it has lifted."""

    values: Array
    good: int = 0
    trials: int = 0

    @property
    def rate(self) -> float:
        """Mean of the posterior from a uniform prior: a lucky 23 of 24 ranks below a proven 115 of 120."""
        return (self.good + 1) / (self.trials + 2)


class Elite:
    """The best candidates so far, best first."""

    def __init__(self):
        self.rows: list[Candidate] = []

    @property
    def bar(self) -> float:
        """The rate that a new candidate has to exceed."""
        return self.rows[-1].rate if len(self.rows) == ELITE else 2 / (ROUNDS + 2)

    def add(self, row: Candidate) -> None:
        """Takes one in and drops the worst of too many."""
        self.rows.append(row)
        self.sort()
        del self.rows[ELITE:]

    def sort(self) -> None:
        """After candidates were tried again."""
        self.rows.sort(key=lambda row: -row.rate)

    def __str__(self) -> str:
        first, last = self.rows[0], self.rows[-1]
        best = f"the best lifts in {first.good} of {first.trials} trials"
        return best + f", number {len(self.rows)} in {last.good} of {last.trials}" * (len(self.rows) > 1)


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
        begun, best, drawn = time.process_time(), Elite(), 0
        if config.start_from:
            best.add(Candidate(self.space.encode(self.stored(config.start_from))))
        while (spent := time.process_time() - begun) < config.seconds:
            explore = not config.start_from and (spent < EXPLORE * config.seconds or len(best.rows) < 2)
            drawn += 1
            values = rng.uniform(self.space.low, self.space.high) if explore else self._vary(best.rows, rng)
            if self.hands[1].is_clear(self.decode(values)) and self._enters(Candidate(values), best, rng):
                _say(f"{spent:5.0f} s, {drawn} drawn: {best}")
        return self._winner(best.rows, rng)

    def _enters(self, new: Candidate, best: Elite, rng: np.random.Generator) -> bool:
        """Tries a candidate and, if it enters the elite, tries the least tried of it again: luck does not stay."""
        self._try(new, rng, best.bar)
        if new.rate <= best.bar:
            return False
        best.add(new)
        self._try(min(best.rows, key=lambda row: row.trials), rng)
        best.sort()
        return True

    def _try(self, row: Candidate, rng: np.random.Generator, bar: float = 0.0) -> None:
        """Tries a candidate ROUNDS times more; fewer if it can no longer reach the rate `bar`."""
        allowed = max(int(ROUNDS * (1 - bar)), 3) if bar > 0 else ROUNDS
        row.good += self.successes(self.decode(row.values), ROUNDS, rng, quit_after=allowed + 1)
        row.trials += ROUNDS

    def _vary(self, rows: list[Candidate], rng: np.random.Generator) -> Array:
        a, b = (rows[i].values for i in rng.integers(len(rows), size=2))
        mixed = np.where(rng.random(len(a)) < 0.5, a, b)
        size = rng.choice(STEPS) * (self.space.high - self.space.low)
        step = rng.normal(0, 1, len(a)) * size * (rng.random(len(a)) < 0.5)
        return np.clip(mixed + step, self.space.low, self.space.high)

    def _winner(self, elite: list[Candidate], rng: np.random.Generator) -> Grasp:
        if not elite:
            raise InvalidValueError(
                f"searching a grasp of {self.config.name}",
                f"no drawn grasp lifted it often in {self.config.seconds:g} s",
                "an object that a hand can hold, and time",
                "give more --seconds, or --start-from dinosaur",
            )
        finalists = elite[:FINALISTS]
        _say(f"trying the best {len(finalists)} again, then one of them {self.config.test_trials} times")
        for row in finalists:
            while row.trials < FINAL_TRIALS:
                self._try(row, rng)
        grasp = self.decode(max(finalists, key=lambda row: row.rate).values)
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
    """Evaluates stored grasps on the current shapes and replaces their figures.

    Raises:
        InvalidValueError: None is stored; the default grasp does not stand in for a target's.
    """
    recipe = ROBOTS[config.embodiment]
    asked = grasps.targets_of(recipe.name, recipe.grasps) if config.target == "all" else (config.name,)
    targets = [target for target in asked if grasps.is_stored(target, recipe.name, recipe.grasps)]
    if not targets:
        raise InvalidValueError(
            f"testing stored grasps of {config.target!r} again",
            f"none is stored for {recipe.name!r}",
            "a target with a grasp of its own",
            f"search one: lace assets find-grasp {grasps.DEFAULT if config.target == 'all' else config.target} "
            f"--embodiment {config.embodiment}",
        )
    for target in targets:
        search = Search(replace(config, target=target))
        rng, known = np.random.default_rng([seed64(config.seed), len(target)]), search.stored(target)
        good = search.successes(known, config.test_trials, rng)
        _say(f"{target}: {good} of {config.test_trials} lift; stored {known.successes} of {known.trials}")
        tested = replace(known, target=target, successes=good, trials=config.test_trials)
        grasps.store(tested, recipe.grasps, always=True)


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
