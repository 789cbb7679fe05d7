"""Searches grasps that hold an object at any yaw: `lace assets find-grasp FILE`.

The hand alone moves on a vertical slide over the object: it descends open, closes and lifts. Random grasps are screened
for collisions, evaluated under noise, and the best are varied (cross-entropy search); the best one is evaluated again
with new noise, and those figures are stored. Object files keep the best grasp found so far.
"""

import json
import time
from dataclasses import dataclass, replace
from typing import Annotated

import mujoco
import numpy as np
from rich.console import Console
from tyro.conf import Positional

import assets.grasps as grasps
from assets.objects import OBJECTS
from assets.objects.hulls import convex_parts
from assets.objects.own import own_names
from assets.robots import ROBOTS
from assets.robots.robot import collision_spec
from lace.core.draws import seed64
from lace.core.errors import InvalidValueError
from lace.core.files import publish_bytes
from lace.core.geometry import Array, axis_angle, quat_wxyz_from_rotation, transform
from lace.core.grasp import Grasp
from lace.core.limits import Within, check_numbers
from sim_envs.config.axes import MeshMass, MeshSize, MeshUp
from sim_envs.physics.mujoco import add_object, add_table
from sim_envs.physics.protocol import STEP_HZ, RigidObject

SCALES = (0.92, 1.03, 1.14)
"""Sizes that are tried: the target axis draws 0.9 to 1.15."""
DEFAULT_HALF_M = ((0.03, 0.03, 0.06), (0.03, 0.03, 0.09), (0.025, 0.04, 0.075))
"""Half width, half depth and height of the boxes of the default grasp [m]."""
XY_NOISE_M, FRICTION = 0.008, (0.6, 1.0)
"""Standard deviation of where the object stands, and its range of sliding friction."""
HOVER_M, LIFT_M = 0.12, 0.15
DOWN_S, CLOSE_S, UP_S, HOLD_S = 0.5, 0.7, 0.8, 0.4
AXIS_Z = 0.045
"""Height over the table of the point that the hand closes around [m]."""
FLANGE, FLANGE_Z = np.array([-0.124, -0.035, -0.0115, 1]), 0.13
"""The arm's flange in the palm frame, and the least height over the table that leaves room for the wrist [m]."""
FACING = np.array([[0, 0, -1], [0, -1, 0], [-1, 0, 0]], float)
"""Rotation of the palm in the grasp frame with its fingers down and its face along the heading."""
SPANS = {
    "tilt": (-0.2, 1.2),
    "roll": (-0.8, 0.8),
    "x": (0.03, 0.13),
    "y": (-0.08, 0.03),
    "z": (-0.11, -0.045),
    "mcp": (0, 1.0),
    "pip": (0, 1.0),
    "dip": (0, 0.8),
    "spread": (0, 0.35),
    "cmc": (-0.3, 2.09),
    "axl": (-0.3, 2.09),
    "th_mcp": (-0.4, 1.5),
    "ipl": (-1.3, 1.0),
    "d_mcp": (0.2, 1.3),
    "d_pip": (0.1, 1.1),
    "d_dip": (0, 0.9),
    "d_cmc": (-0.6, 1.0),
    "d_axl": (-0.6, 1.0),
    "d_th_mcp": (0, 1.3),
    "d_ipl": (0, 1.3),
}
"""The search space and its bounds: palm pose, the open hand, and how much each joint closes."""
ELITE, ROUNDS, EXPLORE = 12, 24, 0.4
"""Grasps kept, trials of each, and the share of the time in which they are drawn at random."""
NAMES = tuple(SPANS)
LOW, HIGH = np.array(list(SPANS.values())).T


@dataclass
class SearchConfig:
    """Searches a grasp of the LEAP Hand and stores it if it is better than the stored one."""

    target: Annotated[str, Positional] = "dinosaur"
    """Name or mesh file of an object, or "default": upright boxes of three sizes represent unknown objects. A file's
    grasp is stored beside it, in FILE.grasps.json."""
    size_m: MeshSize = None
    """Longest side of a mesh file [m], as `--target-size` of other commands says it."""
    mass_kg: MeshMass = None
    """Its mass [kg]."""
    up: MeshUp = ""
    """Its axis that points up."""
    seconds: Annotated[float, Within(1)] = 200
    """Time for the search."""
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


class HandOnSlide:
    """The hand over one object at one size."""

    def __init__(self, robot, hulls: tuple[Array, ...]):
        hand = collision_spec(robot)
        for actuator in [a for a in hand.actuators if not a.name.startswith("leap_")]:
            hand.delete(actuator)
        for exclude in [e for e in hand.excludes if "link" in e.bodyname1]:
            hand.delete(exclude)
        palm = hand.body("leap_palm")
        palm.pos, palm.quat = [0, 0, 0], [1, 0, 0, 0]
        spec = mujoco.MjSpec()
        spec.option.timestep, spec.option.impratio = 1 / STEP_HZ, 10
        spec.option.cone, spec.option.integrator = (
            mujoco.mjtCone.mjCONE_ELLIPTIC,
            mujoco.mjtIntegrator.mjINT_IMPLICITFAST,
        )
        slide = spec.worldbody.add_body(
            name="slide",
            mass=0.5,
            inertia=[0.01] * 3,
            explicitinertial=True,
            gravcomp=1,
        )
        slide.add_joint(name="slide", type=mujoco.mjtJoint.mjJNT_SLIDE, axis=[0, 0, 1], armature=5)
        motor = spec.add_actuator(name="slide", target="slide", trntype=mujoco.mjtTrn.mjTRN_JOINT)
        motor.set_to_position(kp=5000, kv=500)
        slide.add_frame().attach_body(palm, "", "")
        add_table(spec, 0.0)
        add_object(spec, RigidObject("target", hulls, 1.0, 1.0, np.eye(4)))
        self.model = spec.compile()
        self.data = mujoco.MjData(self.model)
        self._find()

    def _find(self) -> None:
        model = self.model
        self.hand_joints = [model.joint(j).name for j in range(model.njnt) if model.joint(j).name.startswith("leap_")]
        self.limits = np.array([model.joint(name).range for name in self.hand_joints])
        self._qpos = np.array([model.joint(name).qposadr[0] for name in self.hand_joints])
        self._motors = np.array([model.actuator(name).id for name in self.hand_joints])
        self._lift, self._object = model.actuator("slide").id, int(model.joint("target").qposadr[0])
        self._slide, self._target = model.body("slide").id, model.body("target").id
        self._mass, self._inertia = model.body_mass[self._target], model.body_inertia[self._target].copy()
        owner = model.geom_bodyid
        self._target_geoms = np.flatnonzero(owner == self._target)
        self._is_hand = (owner != 0) & (owner != self._target)
        self._table = model.geom("table").id

    def start(self, grasp: Grasp, T_object: Array, mass_kg: float, friction: float) -> None:
        """The open hand over the object."""
        model, data = self.model, self.data
        mujoco.mj_resetData(model, data)
        R, position = grasp.T_table_palm[:3, :3], grasp.T_table_palm[:3, 3]
        model.body_quat[self._slide], model.body_pos[self._slide] = quat_wxyz_from_rotation(R), position
        model.jnt_axis[model.joint("slide").id] = R.T @ [0, 0, 1]
        model.body_mass[self._target], model.body_inertia[self._target] = mass_kg, self._inertia * mass_kg
        model.geom_friction[self._target_geoms, 0] = friction
        data.qpos[self._object : self._object + 3] = T_object[:3, 3]
        data.qpos[self._object + 3 : self._object + 7] = quat_wxyz_from_rotation(T_object[:3, :3])
        data.qpos[self._qpos] = data.ctrl[self._motors] = grasp.open
        data.qpos[0] = data.ctrl[self._lift] = HOVER_M

    def is_clear(self, grasp: Grasp) -> bool:
        """Whether the open hand descends without touching table or object, and the arm has clearance."""
        if (grasp.T_table_palm @ FLANGE)[2] < FLANGE_Z:
            return False
        self.start(grasp, np.eye(4), 0.1, 1.0)
        for height in (0.0, 0.03, 0.06, 0.09):
            self.data.qpos[0] = height
            mujoco.mj_kinematics(self.model, self.data)
            mujoco.mj_collision(self.model, self.data)
            if self._touches(-1e-3):
                return False
        return True

    def _touches(self, depth_m: float) -> bool:
        """Whether the hand touches anything else, or itself deeper than 2 mm."""
        contact = self.data.contact
        hand = self._is_hand[contact.geom]
        one = hand.any(1) & ~hand.all(1) & (contact.dist < depth_m)
        return bool(one.any() or (hand.all(1) & (contact.dist < -2e-3)).any())

    def lifts(self, grasp: Grasp) -> bool:
        """Runs the grasp from `start`; returns whether the object is lifted."""
        data = self.data
        z0 = data.qpos[self._object + 2]
        self._ramp(DOWN_S, HOVER_M, 0.0, grasp.open, grasp.open)
        contact = data.contact
        if (self._is_hand[contact.geom].any(1) & (contact.geom == self._table).any(1)).any():
            return False
        self._ramp(CLOSE_S, 0.0, 0.0, grasp.open, grasp.closed)
        self._ramp(UP_S / 2, 0.0, LIFT_M / 2, grasp.closed, grasp.closed)
        if data.qpos[self._object + 2] - z0 < LIFT_M / 4:
            return False
        self._ramp(UP_S / 2, LIFT_M / 2, LIFT_M, grasp.closed, grasp.closed)
        self._ramp(HOLD_S, LIFT_M, LIFT_M, grasp.closed, grasp.closed)
        return bool(data.qpos[self._object + 2] - z0 > 0.8 * LIFT_M)

    def _ramp(self, seconds: float, z0: float, z1: float, hand0: Array, hand1: Array) -> None:
        steps = int(seconds * STEP_HZ)
        for share in (np.arange(steps) + 1) / steps:
            self.data.ctrl[self._motors] = hand0 + share * (hand1 - hand0)
            self.data.ctrl[self._lift] = z0 + share * (z1 - z0)
            mujoco.mj_step(self.model, self.data)


class Search:
    """One target's search."""

    def __init__(self, config: SearchConfig):
        robot = ROBOTS["xarm7_leap"](None)
        self.config, self.body = config, robot.embodiment
        shapes, self.mass = shapes_of(config.name)
        self.hands = [HandOnSlide(robot, hulls) for hulls in shapes]

    def decode(self, values: Array) -> Grasp:
        """The grasp of a parameter vector (NAMES)."""
        v = dict(zip(NAMES, values, strict=True))
        R = axis_angle([0, 1, 0], v["tilt"]) @ FACING @ axis_angle([1, 0, 0], v["roll"])
        position = np.array([0, 0, AXIS_Z]) - R @ [v["x"], v["y"], v["z"]]
        joints, limits = self.hands[0].hand_joints, self.hands[0].limits
        start, delta = np.zeros(len(joints)), np.zeros(len(joints))
        for i, name in enumerate(joints):
            _leap, finger, joint = name.split("_")
            key = f"th_{joint}" if (finger, joint) == ("th", "mcp") else joint
            start[i], delta[i] = v.get(key, 0.0), v.get(f"d_{key}", 0.0)
            if joint == "rot":
                start[i] = {"if": -1, "mf": 0, "rf": 1}[finger] * v["spread"]
        low, high = limits.T
        shut = np.clip(start + delta, low, high)
        return Grasp(self.body.name, self.config.name, transform(R, position), np.clip(start, low, high), shut, 0, 0)

    def encode(self, grasp: Grasp) -> Array:
        """The parameter vector of a grasp that `decode` made."""
        R, T = grasp.T_table_palm[:3, :3], grasp.T_table_palm
        roll = np.arctan2(R[1, 2], -R[1, 1])
        tilt = np.arctan2(-R[0, 0], -R[2, 0])
        values = dict(zip("xyz", R.T @ (np.array([0, 0, AXIS_Z]) - T[:3, 3]), strict=True)) | {
            "tilt": tilt,
            "roll": roll,
        }
        for name, start, shut in zip(self.hands[0].hand_joints, grasp.open, grasp.closed, strict=True):
            _leap, finger, joint = name.split("_")
            key = f"th_{joint}" if (finger, joint) == ("th", "mcp") else joint
            values |= {key: start, f"d_{key}": shut - start} | ({"spread": start} if name == "leap_rf_rot" else {})
        return np.clip([values[name] for name in NAMES], LOW, HIGH)

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
        begun, elite, drawn = time.monotonic(), [], 0
        if config.start_from:
            known = self.encode(grasps.grasp_for(config.start_from))
            elite = [(self.successes(self.decode(known), ROUNDS, rng), known)] * 2
        while (spent := time.monotonic() - begun) < config.seconds:
            explore = not config.start_from and (spent < EXPLORE * config.seconds or len(elite) < 2)
            values = rng.uniform(LOW, HIGH) if explore else self._vary(elite, rng)
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
        step = rng.normal(0, 0.08, len(a)) * (HIGH - LOW) * (rng.random(len(a)) < 0.5)
        return np.clip(mixed + step, LOW, HIGH)

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
    file = grasps.file_of(config.name)[0]
    rows = json.loads(file.read_text())
    for target in rows if config.target == "all" else [config.name]:
        search, name = Search(replace(config, target=target)), grasps.file_of(target)[1]
        rng = np.random.default_rng([seed64(config.seed), len(target)])
        good = search.successes(grasps.grasp_for(target), config.test_trials, rng)
        _say(
            f"{target}: {good} of {config.test_trials} lift; stored {rows[name]['successes']} of {rows[name]['trials']}"
        )
        rows[name] |= {"successes": good, "trials": config.test_trials}
        publish_bytes(file, (json.dumps(rows, indent=1) + "\n").encode())


def main(config: SearchConfig) -> int:
    """Searches and stores."""
    if config.name != grasps.DEFAULT and config.target != "all":
        OBJECTS[config.name]
    if config.retest:
        retest(config)
        return 0
    grasp = Search(config).run()
    _say(f"{grasp.target}: {grasp.successes} of {grasp.trials} fresh trials lift")
    file = grasps.store(grasp)
    _say(f"stored in {file}" if file else "the grasp that is stored is as good")
    return 0
