"""Trials: scenes from (seed, index) in which a grasp is possible, with picture, ground truth and physics."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from assets.grasps import grasp_for
from assets.objects import OBJECTS
from assets.objects.hulls import convex_parts
from lace.core.camera import PinholeCamera
from lace.core.draws import Draws
from lace.core.errors import IntegrityError
from lace.core.frames import FrameRecord
from lace.core.geometry import Array, BoolArray, apply
from policies.policy import TwoPoints
from policies.primitives.grasp import GraspPrimitive
from sim_envs.bodies.registry import require_robot
from sim_envs.config.kinds import require_grasping
from sim_envs.config.scene import SceneConfig
from sim_envs.frames.source import SimulatedFrames
from sim_envs.physics.protocol import PhysicsScene, RigidObject
from sim_envs.scenes.state import SceneBatch
from sim_envs.scenes.workspace import area

FRICTION = (0.6, 1.0)
"""Range of sliding friction between objects and rubber tips or table: an assumption around MuJoCo's default of 1."""
REACH_M = 0.66
"""Farthest a target lies from the robot's axis: xArm7 reaches 0.70 m, less what the hand hangs down."""
START_HEIGHT_M = 0.17
"""Least height of the hand's grasp point over the table at the start: above every doll."""
MARGIN_PX = 2
"""Least distance of the target's box from the image's edge [px]: the middle of a cut-off box is not the target's."""
LEAST_PX = 10
"""Smallest side of the target's box [px]: a smaller one is hidden or too far away."""
IN_PLAIN_VIEW = 0.8
"""Least share of the target's projected width and of its height that is seen: half behind the hand, the middle of what
is seen is not the middle of the target, and no point could be right."""
MAX_ATTEMPTS = 400
MOST_WORLDS = 100
"""Trials drawn at once: a larger batch waits longer for its last usable scene."""


@dataclass(frozen=True)
class Trial:
    """One scene to grasp in."""

    index: int
    attempt: int
    """How often the scene was drawn until a grasp was possible."""
    record: FrameRecord
    """The picture before anything moves, with all labels."""
    scene: SceneBatch
    """The same, one row, to be drawn again."""
    physics: PhysicsScene
    """The target is its first object."""
    truth: TwoPoints
    target_middle: Array
    """(3,) middle of the target's bounding box at the start [m]."""
    target_radius_m: float
    """Horizontal half extent of the target [m]."""

    @property
    def camera(self) -> PinholeCamera:
        """What `record` was seen with."""
        return known(self.record.camera, "camera")

    @property
    def keypoints_world(self) -> Array:
        """(21, 3) of `record` [m]; NaN where absent."""
        return known(self.record.keypoints_world, "keypoints in the world").astype(float)


def known[T](value: T | None, name: str) -> T:
    """`value` of a simulated frame, where everything is known; IntegrityError if this is not."""
    if value is None:
        raise IntegrityError(
            "preparing a trial", f"a frame without its {name}", "a simulated frame with all labels", "report this"
        )
    return value


class TrialSource:
    """Draws trials; the same (config, index) gives the same trial. Owns the renderer."""

    def __init__(self, config: SceneConfig, worlds: int | None = None):
        require_grasping(config)
        self.config = config
        self.frames = SimulatedFrames(config, worlds, most_worlds=MOST_WORLDS)
        self.body = require_robot(self.frames.body)
        self.robot = self.body.robot
        self._primitives: dict[str, GraspPrimitive] = {}
        self._refused: Counter[str] = Counter()
        """Scenes that the last `draw` left out, by what was wrong; one scene may count several times."""

    def primitive(self, trial: Trial) -> GraspPrimitive:
        """The grasp for the trial's target: the kind of object is given to the policy, its position is not."""
        grasp = grasp_for(trial.record.objects[0]["object"], self.robot.embodiment.name, self.robot.grasps)
        if grasp.target not in self._primitives:
            self._primitives[grasp.target] = GraspPrimitive(self.robot.embodiment, self.robot.xml_path, grasp)
        return self._primitives[grasp.target]

    def close(self) -> None:
        """Frees the renderer."""
        self.frames.close()

    def draw(self, indices: np.ndarray) -> list[Trial]:
        """Trials of `indices` (n,), each redrawn until a grasp is possible.

        Raises:
            IntegrityError: A trial was redrawn too often: the axes allow hardly any usable scene.
        """
        done: dict[int, Trial] = {}
        self._refused.clear()
        pending, attempts = np.asarray(indices, int), np.zeros(len(indices), int)
        while len(pending):
            attempts = self._aimed(pending, attempts)
            for start in range(0, len(pending), self.frames.worlds):
                part = slice(start, start + self.frames.worlds)
                done |= self._render(pending[part], attempts[part])
            left = np.array([index not in done for index in pending])
            pending, attempts = pending[left], attempts[left] + 1
        return [done[int(index)] for index in indices]

    def _aimed(self, indices: np.ndarray, attempts: np.ndarray) -> np.ndarray:
        """Increments attempts past scenes that fail the checks that need no picture."""
        attempts, left = attempts.copy(), np.arange(len(indices))
        while len(left):
            if attempts.max() >= MAX_ATTEMPTS:
                why = ", ".join(f"{what} in {count}" for what, count in self._refused.most_common())
                raise IntegrityError(
                    f"drawing trial {indices[attempts.argmax()]}",
                    f"none of {MAX_ATTEMPTS} scenes could be tried; of all {sum(attempts)} that were drawn: {why}",
                    "a target in reach and in view, under a raised hand",
                    "widen the arm, target and camera axes",
                )
            fair = np.concatenate(
                [
                    self._fair(self.frames.compose(indices[part], attempts[part]))
                    for part in np.array_split(left, -(-len(left) // self.frames.worlds))
                ]
            )
            left = left[~fair]
            attempts[left] += 1
        return attempts

    def _fair(self, batch: SceneBatch) -> BoolArray:
        """(n,) whether the target is in reach and the hand is raised and in view."""
        body, target = self.body.embodiment, batch.objects[0]
        xy = target.T_world_object[:, :2, 3]
        low, high = area(self.config.axes.table)
        reach = (np.linalg.norm(xy, axis=1) <= REACH_M) & (xy >= low).all(1) & (xy <= high).all(1)
        grasp = apply(self.body.palm(batch.pose), np.array([body.grasp_point]))[:, 0]
        raised = grasp[:, 2] - batch.draws["table.height_m"] >= START_HEIGHT_M
        uv, depth = batch.camera.project(batch.pose.keypoints_world[:, body.present])
        seen = (uv >= 0).all(-1) & (uv < (batch.camera.width, batch.camera.height)).all(-1) & (depth > 0)
        checks = {
            "no room for the target": target.which >= 0,
            "target out of reach": reach,
            "hand not raised": raised,
            "hand not whole in the picture": seen.all(1),
        }
        self._refused.update({what: int((~passed).sum()) for what, passed in checks.items() if not passed.all()})
        return np.all(list(checks.values()), 0)

    def _render(self, indices: np.ndarray, attempts: np.ndarray) -> dict[int, Trial]:
        records = self.frames.frames(self.config.seed, indices, attempts)
        batch = self.frames.compose(indices, attempts)
        made = {}
        for i, record in enumerate(records):
            trial = None
            if np.isfinite(record.boxes["target@segmentation"]).all():
                trial = self._trial(record, batch.rows(np.array([i])))
            if trial is not None and self._is_whole(trial):
                made[record.index] = trial
            else:
                self._refused["target not seen well enough"] += 1
        return made

    def _is_whole(self, trial: Trial) -> bool:
        """Whether the target is large enough, inside the image and unoccluded enough."""
        box, target = trial.record.boxes["target@segmentation"], trial.physics.objects[0]
        seen = box[2:] - box[:2]
        uv, _depth = trial.camera.project(apply(target.T_world_object, np.concatenate(target.hulls)))
        size = np.array([self.config.width, self.config.height])
        inside = (box[:2] >= MARGIN_PX).all() and (box[2:] <= size - MARGIN_PX).all()
        return bool(inside and seen.min() >= LEAST_PX and (seen >= IN_PLAIN_VIEW * np.ptp(uv, axis=0)).all())

    def _trial(self, record: FrameRecord, scene: SceneBatch) -> Trial:
        draws = Draws(self.config.seed, [record.index], record.attempt)
        things = []
        for row in record.objects:
            mass, (low, high) = draws.uniform(f"physics.{row['name']}.mass", 0, 1)[0], OBJECTS[row["object"]].mass_kg
            friction = float(draws.uniform(f"physics.{row['name']}.friction", *FRICTION)[0])
            hulls = tuple(hull * row["scale"] for hull in convex_parts(row["object"]))
            T = np.asarray(row["T_world_object"]).reshape(4, 4)
            things.append(RigidObject(row["name"], hulls, low + float(mass) * (high - low), friction, T))
        record.draws |= {name: value[0] for name, value in draws.record.items()}
        points = np.concatenate(things[0].hulls)
        low, high = points.min(0), points.max(0)
        return Trial(
            record.index,
            record.attempt,
            record,
            scene,
            PhysicsScene(
                float(record.draws["table.height_m"]), known(record.joint_positions, "joint positions"), tuple(things)
            ),
            TwoPoints(_middle(record.boxes["embodiment@keypoints"]), _middle(record.boxes["target@segmentation"])),
            apply(things[0].T_world_object, (low + high)[None] / 2)[0],
            float((high - low)[:2].max() / 2),
        )


def _middle(box: Array) -> Array:
    return (box[:2].astype(float) + box[2:]) / 2
