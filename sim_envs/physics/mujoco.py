"""Physics by MuJoCo C: one model a world, stepped on threads. See `sim_envs/physics/protocol.py`."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import mujoco
import numpy as np

from assets.robots import ROBOTS
from assets.robots.robot import Robot, collision_spec
from lace.core.errors import IntegrityError, InvalidValueError
from lace.core.geometry import Array, quat_wxyz_from_rotation, rotation_from_quat_wxyz, transform
from sim_envs.physics.protocol import STEP_HZ, PhysicsScene, RigidObject, StateSequence, WorldState, stack

OBJECT_CONTACT: dict[str, Any] = {"condim": 4, "solref": [0.01, 1], "priority": 1}
"""Torsional friction; a 10 ms contact that 250 Hz resolves; the object's own friction rules, not the larger of two."""
TORSIONAL, ROLLING = 0.02, 0.001
"""Friction of an object about its contacts [m]: a patch of about 2 cm, as the LEAP model's own geoms have it."""


TABLE_HALF, TABLE_X = (1.0, 1.0, 0.05), 0.4
"""Half extents of the table's slab and where its middle is before the robot [m]; larger than any drawn table."""


def add_table(spec: mujoco.MjSpec, z: float) -> None:
    """A slab with its top at height `z` [m]. On a plane MuJoCo gives a mesh three contacts: objects rock."""
    spec.worldbody.add_geom(
        name="table", type=mujoco.mjtGeom.mjGEOM_BOX, size=TABLE_HALF, pos=[TABLE_X, 0, z - TABLE_HALF[2]]
    )


def add_object(spec: mujoco.MjSpec, thing: RigidObject) -> None:
    """Adds a free body; its mass is divided among its parts by volume."""
    T = thing.T_world_object
    body = spec.worldbody.add_body(name=thing.name, pos=T[:3, 3], quat=quat_wxyz_from_rotation(T[:3, :3]))
    body.add_freejoint(name=thing.name)
    volumes = np.array([_volume(hull) for hull in thing.hulls])
    for i, hull in enumerate(thing.hulls):
        name = f"{thing.name}_{i}"
        spec.add_mesh(name=name, uservert=np.asarray(hull, np.float32).ravel())
        body.add_geom(
            name=name,
            type=mujoco.mjtGeom.mjGEOM_MESH,
            meshname=name,
            mass=thing.mass_kg * volumes[i] / volumes.sum(),
            friction=[thing.friction, TORSIONAL, ROLLING],
            **OBJECT_CONTACT,
        )


def _volume(points: Array) -> float:
    return float(np.prod(np.ptp(points, axis=0)))


class MujocoPhysics:
    """Implements Physics."""

    name = "mujoco"

    def __init__(self, robot: Robot | None = None, threads: int = 1, step_hz: int = STEP_HZ):
        """Makes one.

        Args:
            robot: The xArm7 with the LEAP Hand if not given.
            threads: Worlds stepped at the same time.
            step_hz: Steps per second.
        """
        if step_hz < STEP_HZ:
            raise InvalidValueError(
                "opening the physics", f"{step_hz} steps per second", f"at least {STEP_HZ}", "raise --step-hz"
            )
        self.robot = ROBOTS["xarm7_leap"](None) if robot is None else robot
        self.threads, self.step_hz = threads, step_hz
        self._spec = collision_spec(self.robot)

    def open(self, scenes: Sequence[PhysicsScene]) -> "MujocoWorlds":
        """See Physics."""
        return MujocoWorlds(scenes, self.world, self.threads)

    def overlaps(self, scene: PhysicsScene, joint_positions: Array, T_world_object: Array) -> Array:
        """How deep the collision shapes overlap: (n, bodies, bodies) [m] as in `sim_envs/physics/overlap.py`.

        Args:
            scene: What there is.
            joint_positions: (n, joints) at n moments [rad].
            T_world_object: (n, objects, 4, 4) [m].
        """
        world = self.world(scene)
        return np.stack([world.overlaps(q, T) for q, T in zip(joint_positions, T_world_object, strict=True)])

    def world(self, scene: PhysicsScene) -> "_World":
        """A model of one scene with its data."""
        spec = self._spec.copy()
        spec.option.timestep = 1 / self.step_hz
        spec.option.disableflags |= int(mujoco.mjtDisableBit.mjDSBL_AUTORESET)
        add_table(spec, scene.table_z)
        for thing in scene.objects:
            add_object(spec, thing)
        return _World(spec.compile(), scene)


class _World:
    """One model with its data."""

    def __init__(self, model: mujoco.MjModel, scene: PhysicsScene):
        self.model, self.data = model, mujoco.MjData(model)
        self.dof = len(scene.joint_positions)
        self.objects = [model.body(thing.name) for thing in scene.objects]
        self._qpos = np.array([model.joint(thing.name).qposadr[0] for thing in scene.objects], int)
        owner = np.zeros(model.nbody, int)  # 0 the robot, 1 + i object i, -1 the table
        owner[0] = -1
        for i, body in enumerate(self.objects):
            owner[body.id] = 1 + i
        self._owner = owner[model.geom_bodyid]
        self.data.qpos[: self.dof], self.data.ctrl[: self.dof] = scene.joint_positions, scene.joint_positions
        mujoco.mj_forward(model, self.data)

    def roll(self, commands: Array, stride: int) -> list[WorldState]:
        model, data, states = self.model, self.data, []
        for step, command in enumerate(commands, 1):
            data.ctrl[: self.dof] = command
            mujoco.mj_step(model, data)
            if step % stride == 0 or step == len(commands):
                states.append(self.state())
        if not np.isfinite(data.qpos).all():
            raise IntegrityError(
                "stepping MuJoCo",
                f"the state is not finite at {data.time:.3f} s",
                "a stable simulation",
                "check masses, friction and that nothing starts inside something else",
            )
        return states

    def state(self) -> WorldState:
        data, count = self.data, len(self.objects)
        rows = self._qpos[:, None] + np.arange(7)
        pose = data.qpos[rows] if count else np.zeros((0, 7))
        robot_object, object_table = np.zeros(count), np.zeros(count)
        pairs, force = self._contacts()
        low, high = pairs.min(1, initial=0), pairs.max(1, initial=-1)
        np.add.at(robot_object, high[(low == 0) & (high > 0)] - 1, force[(low == 0) & (high > 0)])
        np.add.at(object_table, high[(low == -1) & (high > 0)] - 1, force[(low == -1) & (high > 0)])
        return WorldState(
            float(data.time),
            data.qpos[: self.dof].copy(),
            data.qvel[: self.dof].copy(),
            transform(rotation_from_quat_wxyz(pose[:, 3:]), pose[:, :3]),
            np.array(force[(low == -1) & (high == 0)].sum()),
            robot_object,
            object_table,
        )

    def overlaps(self, joint_positions: Array, T_world_object: Array) -> Array:
        """(bodies, bodies) [m] with the robot and the objects put there; contacts that MuJoCo leaves out are 0."""
        model, data = self.model, self.data
        data.qpos[: self.dof] = joint_positions
        quat = quat_wxyz_from_rotation(T_world_object[:, :3, :3])
        data.qpos[self._qpos[:, None] + np.arange(7)] = np.concatenate([T_world_object[:, :3, 3], quat], 1)
        mujoco.mj_kinematics(model, data)
        mujoco.mj_collision(model, data)
        deepest = np.zeros((2 + len(self.objects),) * 2)
        one, two = (self._owner[data.contact.geom] + 1).reshape(-1, 2).T
        np.maximum.at(deepest, (one, two), -data.contact.dist)
        return np.maximum(deepest, deepest.T)

    def _contacts(self) -> tuple[np.ndarray, Array]:
        """Owners (c, 2) and normal forces (c,) [N] of active contacts: the first row of an elliptic cone."""
        contact = self.data.contact
        active = contact.efc_address >= 0
        return self._owner[contact.geom[active]].reshape(-1, 2), self.data.efc_force[contact.efc_address[active]]


class MujocoWorlds:
    """Implements Worlds."""

    def __init__(self, scenes: Sequence[PhysicsScene], build: Callable[[PhysicsScene], _World], threads: int):
        self._worlds, self._build, self._threads = [build(scene) for scene in scenes], build, threads
        self.count, self.timestep_s = len(scenes), float(self._worlds[0].model.opt.timestep)

    @property
    def _objects(self) -> int:
        return max(len(world.objects) for world in self._worlds)

    def state(self) -> WorldState:
        """See Worlds; the time is the latest of any world's."""
        return self._together([world.state() for world in self._worlds])

    def roll(
        self, commands: Array, stride: int = 10, worlds: Sequence[int] | np.ndarray | None = None
    ) -> StateSequence:
        """See Worlds."""
        if not np.isfinite(commands).all():
            raise InvalidValueError("stepping MuJoCo", "commands that are no numbers", "finite angles", "fix the plan")
        chosen = [self._worlds[i] for i in (range(self.count) if worlds is None else worlds)]
        if self._threads == 1 or len(chosen) == 1:
            rows = [world.roll(row, stride) for world, row in zip(chosen, commands, strict=True)]
        else:
            with ThreadPoolExecutor(self._threads) as pool:
                rows = list(pool.map(lambda world, row: world.roll(row, stride), chosen, commands))
        return stack([self._together(list(states)) for states in zip(*rows, strict=True)])

    def restart(self, worlds: Sequence[int] | np.ndarray, scenes: Sequence[PhysicsScene]) -> None:
        """See Worlds."""
        for world, scene in zip(worlds, scenes, strict=True):
            self._worlds[world] = self._build(scene)

    def close(self) -> None:
        """See Worlds."""
        self._worlds.clear()

    def _together(self, states: list[WorldState]) -> WorldState:
        fields: dict[str, Any] = {}
        for name in WorldState.__annotations__:
            values = [getattr(state, name) for state in states]
            if name in ("T_world_object", "robot_object_N", "object_table_N"):
                values = [_padded(value, self._objects) for value in values]
            fields[name] = max(values) if name == "time_s" else np.stack(values)
        return WorldState(**fields)


def _padded(rows: Array, count: int) -> Array:
    missing = np.full((count - len(rows), *rows.shape[1:]), np.nan)
    return np.concatenate([rows, missing])
