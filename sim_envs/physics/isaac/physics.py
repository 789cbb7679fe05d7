"""Physics by Isaac Lab, kit-less, on Newton's MuJoCo Warp solver: all worlds at once.

Implements `sim_envs/physics/protocol.py`. Isaac Lab holds one simulation per process: opening worlds or a renderer ends
the earlier worlds.
"""

import logging
from collections.abc import Sequence
from contextlib import redirect_stdout
from io import StringIO
from itertools import zip_longest
from operator import attrgetter
from typing import Any
from warnings import catch_warnings, filterwarnings, simplefilter

import sim_envs.rendering.warp_start  # noqa: F401  # isort: skip  (before Isaac Lab, which starts Warp itself)

import isaaclab.sim as sim_utils
import newton
import numpy as np
import torch
import warp as wp
from isaaclab.actuators import ImplicitActuatorCfg
from isaaclab.assets import ArticulationCfg
from isaaclab.scene import InteractiveScene, InteractiveSceneCfg
from isaaclab.utils import configclass
from isaaclab_newton.cloner.replicate import newton_builder_world_hook
from isaaclab_newton.physics import MJWarpSolverCfg, NewtonCfg, NewtonManager
from isaaclab_newton.sim.schemas import MujocoRigidBodyCfg, NewtonArticulationCfg
from newton.solvers import SolverMuJoCo

from assets.robots import ROBOTS
from assets.robots.robot import Robot
from assets.robots.usd import robot_usd
from lace.core.errors import IntegrityError, InvalidValueError
from lace.core.geometry import Array, BoolArray, rotation_from_quat_wxyz, transform
from sim_envs.physics.isaac.hulls import collide_own_hulls
from sim_envs.physics.isaac.objects import add_things, object_label, parts_needed
from sim_envs.physics.isaac.overflow import forget_overflow, require_room
from sim_envs.physics.protocol import STEP_HZ, PhysicsScene, StateSequence, WorldState, stack

NJMAX, NCONMAX = 800, 4000
"""Constraint rows and contacts of a world with MuJoCo's own collisions.

Grasping a doll of 31 parts, the broad phase asked for more than 1000."""
ITERATIONS, LINE_SEARCHES = 100, 50
"""With fewer the solver warns that its line search ran out."""
MULTICCD = True
"""Several contacts between two convex shapes, as in MuJoCo C: with one, a cube on the table creeps and leans."""
ROBOT = "Robot"
SHAPE_ARRAYS = (
    "shape_transform",
    "shape_scale",
    "shape_material_mu",
    "shape_material_mu_torsional",
    "shape_material_mu_rolling",
)
BODY_ARRAYS = ("body_mass", "body_inv_mass", "body_inertia", "body_inv_inertia", "body_com", "mujoco.gravcomp")
"""Of Newton's model: all in which the things of one scene differ from those of another."""

# Isaac Lab warns of a root that stands still, which is what our robots do.
logging.getLogger("isaaclab_newton.assets.articulation.articulation_data").addFilter(
    lambda record: "root com velocity" not in record.getMessage()
)


@configclass
class SolverCfg(MJWarpSolverCfg):
    """Newton's solver takes an option that Isaac Lab's configuration of it lacks."""

    jacobian: str = "auto"
    """Of the constraints: dense or sparse. With dense ones a CPU loops over the whole contact buffer instead of the
    contacts for every entry of the Hessian: 152 ms for a step of 8 worlds, sparse 15 ms."""


class IsaacPhysics:
    """Implements Physics."""

    name = "isaac"

    def __init__(self, robot: Robot | None = None, device: str = "cpu", step_hz: int = STEP_HZ):
        """Makes one.

        Args:
            robot: The xArm7 with the LEAP Hand if not given.
            device: "cpu" or "cuda:0".
            step_hz: Steps per second.
        """
        if step_hz < STEP_HZ:
            raise InvalidValueError(
                "opening the physics", f"{step_hz} steps per second", f"at least {STEP_HZ}", "raise --step-hz"
            )
        self.robot = ROBOTS["xarm7_leap"](None) if robot is None else robot
        self.device, self.step_hz = device, step_hz

    def open(self, scenes: Sequence[PhysicsScene]) -> "IsaacWorlds":
        """See Physics."""
        return IsaacWorlds(self.robot, scenes, self.device, self.step_hz)


def robot_cfg(robot: Robot) -> ArticulationCfg:
    """The robot with its gains; gravity is compensated, as both makers' controllers do."""
    joints = robot.embodiment.joints
    return ArticulationCfg(
        prim_path=f"{{ENV_REGEX_NS}}/{ROBOT}",
        spawn=sim_utils.UsdFileCfg(
            usd_path=str(robot_usd(robot)),
            articulation_props=[NewtonArticulationCfg(self_collision_enabled=True)],
            rigid_props=[MujocoRigidBodyCfg(gravcomp=1.0)],
        ),
        init_state=ArticulationCfg.InitialStateCfg(joint_pos={joint.name: joint.home for joint in joints}),
        actuators={
            "position": ImplicitActuatorCfg(
                joint_names_expr=[joint.name for joint in joints],
                stiffness={joint.name: joint.stiffness for joint in joints},
                damping={joint.name: joint.damping for joint in joints},
                effort_limit_sim={joint.name: joint.effort for joint in joints},
            )
        },
    )


class IsaacWorlds:
    """Implements Worlds."""

    def __init__(self, robot: Robot, scenes: Sequence[PhysicsScene], device: str, step_hz: int):
        self.count, self.timestep_s = len(scenes), 1 / step_hz
        self._embodiment, self._cfg, self._device = robot.embodiment, robot_cfg(robot), device
        self._scenes, self._parts = list(scenes), parts_needed(scenes)
        self._steps = np.zeros(self.count, int)
        self._build()

    def _build(self) -> None:
        """A simulation of `_scenes` at their start, with room for objects of `_parts`."""
        self._sim = self._simulation()
        cfg = InteractiveSceneCfg(num_envs=self.count, env_spacing=0.0, replicate_physics=True)
        cfg.robot = self._cfg
        with newton_builder_world_hook(self._fill), redirect_stdout(StringIO()), catch_warnings():
            simplefilter("ignore", FutureWarning)
            filterwarnings("ignore", message=".*MjWarp requirement")  # more room for contacts while all joints are at 0
            self._scene = InteractiveScene(cfg)
            self._sim.reset()
        self._robot = self._scene["robot"]
        names = list(self._robot.joint_names)
        self._order = [names.index(name) for name in self._embodiment.joint_names]
        self._find_owners()
        collide_own_hulls(NewtonManager._solver)
        self._targets = np.zeros((self.count, len(self._order)))
        self._place_robots(np.arange(self.count))

    def _simulation(self) -> sim_utils.SimulationContext:
        sim_utils.SimulationContext.clear_instance()
        solver = SolverCfg(
            jacobian="sparse" if self._device == "cpu" else "auto",
            njmax=NJMAX,
            nconmax=NCONMAX,
            cone="elliptic",
            impratio=10.0,
            integrator="implicitfast",
            iterations=ITERATIONS,
            ls_iterations=LINE_SEARCHES,
            enable_multiccd=MULTICCD,
            use_mujoco_contacts=True,
        )
        physics = NewtonCfg(solver_cfg=solver, use_cuda_graph=self._device != "cpu")
        return sim_utils.SimulationContext(
            sim_utils.SimulationCfg(device=self._device, dt=self.timestep_s, physics=physics)
        )

    def _fill(self, builder: newton.ModelBuilder, world: int, _position: np.ndarray, _quat: np.ndarray) -> None:
        add_things(builder, self._scenes[world], world, self._parts)

    def _find_owners(self) -> None:
        """Finds the owner of every geom: 0 the robot, 1 + i object i, -1 the table."""
        model, solver = NewtonManager.get_model(), NewtonManager._solver
        bodies = {label: i for i, label in enumerate(model.body_label)}
        slots = range(len(self._parts))
        rows = [[bodies[object_label(world, slot)] for slot in slots] for world in range(self.count)]
        self._body = np.array(rows, int).reshape(self.count, -1)
        owner = np.zeros(model.body_count + 1, int)
        owner[-1] = -1
        owner[self._body] = 1 + np.arange(len(self._parts))
        shape_owner = owner[model.shape_body.numpy()]
        base = [i for i, label in enumerate(model.shape_label) if "link_base" in label.split("/")[-1]]
        shape_owner[base] = 0  # its links hang on the world
        shapes = solver.mjc_geom_to_newton_shape.numpy()
        self._owner = np.where(shapes >= 0, shape_owner[shapes], -1)

    def _place_robots(self, worlds: np.ndarray) -> None:
        """Sets the robots to the joint positions of their scenes, at rest."""
        q = np.stack([self._scenes[world].joint_positions for world in worlds])
        place = {"joint_ids": self._order, "env_ids": worlds.tolist()}
        self._robot.write_joint_position_to_sim_index(position=self._tensor(q), **place)
        self._robot.write_joint_velocity_to_sim_index(velocity=self._tensor(0 * q), **place)
        self._targets[worlds] = q
        self._command(self._targets)
        self._sim.forward()
        forget_overflow(NewtonManager._solver.mjw_data)

    def _missing(self) -> BoolArray:
        """(worlds, objects) whether a world has no such object."""
        counts = np.array([len(scene.objects) for scene in self._scenes])
        return np.arange(counts.max()) >= counts[:, None]

    def restart(self, worlds: Sequence[int] | np.ndarray, scenes: Sequence[PhysicsScene]) -> None:
        """See Worlds. In place, unless a scene holds more objects, or objects of more parts, than any before.

        In that case the model is rebuilt, and the other worlds continue from their coordinates, targets and warm start.
        If all worlds restart, no earlier state remains: results are bit-identical to those of newly opened worlds.
        """
        self._require_open()
        worlds, others = np.asarray(worlds, int), np.setdiff1d(np.arange(self.count), worlds)
        for world, scene in zip(worlds, scenes, strict=True):
            self._scenes[world] = scene
        self._steps[worlds] = 0
        parts = parts_needed(self._scenes)
        if len(others):
            parts = [max(pair) for pair in zip_longest(self._parts, parts, fillvalue=1)]
        kept, targets = self._coordinates(others), self._targets[others]
        if parts == self._parts:
            self._exchange(worlds)
        else:
            self._parts = parts
            self._build()
        self._put_back(others, kept)
        self._targets[others] = targets
        self._command(self._targets)

    def _exchange(self, worlds: np.ndarray) -> None:
        """Puts the things of the worlds' scenes in the place of those that were there."""
        model, solver = NewtonManager.get_model(), NewtonManager._solver
        coordinates, velocities, warm_start = self._arrays()
        for world in worlds:
            fresh = self._things(world)
            shapes = model.shape_world.numpy() == world
            shapes = np.flatnonzero(shapes)[-fresh.shape_count :]
            for rows, names in ((shapes, SHAPE_ARRAYS), (self._body[world], BODY_ARRAYS)):
                for name in names:
                    wp.to_torch(attrgetter(name)(model))[rows] = wp.to_torch(attrgetter(name)(fresh))
            for shape, source in zip(shapes, fresh.shape_source, strict=True):
                model.shape_source[shape] = source
            if fresh.joint_coord_count:
                coordinates[world, -fresh.joint_coord_count :] = wp.to_torch(fresh.joint_q)
        velocities[worlds], warm_start[worlds] = 0, 0
        solver.notify_model_changed(newton.ModelFlags.BODY_INERTIAL_PROPERTIES | newton.ModelFlags.SHAPE_PROPERTIES)
        collide_own_hulls(solver)
        NewtonManager._invalidate_graph()
        self._mark_moved()
        self._place_robots(worlds)

    def _things(self, world: int) -> newton.Model:
        """A model of a world's table and objects alone."""
        builder = newton.ModelBuilder()
        SolverMuJoCo.register_custom_attributes(builder)
        add_things(builder, self._scenes[world], world, self._parts)
        return builder.finalize(self._device)

    def _tensor(self, values: Array) -> torch.Tensor:
        return torch.as_tensor(values, dtype=torch.float32, device=self._device)

    def _command(self, q: Array) -> None:
        """Sets position targets (n, joints) [rad]."""
        self._robot.actuators.target_command.set_position_index(value=self._tensor(q), joint_ids=self._order)

    def state(self) -> WorldState:
        """See Worlds."""
        self._require_open()
        data, solver = self._robot.data, NewtonManager._solver
        missing = self._missing()
        poses = NewtonManager.get_state_0().body_q.numpy()[self._body[:, : missing.shape[1]]].astype(float)
        T = transform(rotation_from_quat_wxyz(poses[..., [6, 3, 4, 5]]), poses[..., :3])
        T[missing] = np.nan
        owners, world, force = self._contacts(solver.mjw_data)
        low, high = owners.min(1, initial=0), owners.max(1, initial=-1)
        robot_object, object_table = np.where(missing, np.nan, 0.0), np.where(missing, np.nan, 0.0)
        for total, first in ((robot_object, 0), (object_table, -1)):
            mine = (low == first) & (high > 0)
            np.add.at(total, (world[mine], high[mine] - 1), force[mine])
        return WorldState(
            float(self._steps.max() * self.timestep_s),
            self._joints(data.joint_pos),
            self._joints(data.joint_vel),
            T,
            np.asarray(np.bincount(world, force * ((low == -1) & (high == 0)), self.count), float),
            robot_object,
            object_table,
        )

    def _joints(self, values) -> Array:
        return wp.to_torch(values.warp).cpu().numpy()[:, self._order].astype(float)

    def _contacts(self, data) -> tuple[np.ndarray, np.ndarray, Array]:
        """Owners (c, 2), worlds (c,) and normal forces (c,) [N] of active contacts."""
        count = int(data.nacon.numpy()[0])
        world, row = data.contact.worldid.numpy()[:count], data.contact.efc_address.numpy()[:count, 0]
        active = row >= 0
        world, row = world[active], row[active]
        geoms = data.contact.geom.numpy()[:count][active]
        return (
            self._owner[world[:, None], geoms].reshape(-1, 2),
            world,
            data.efc.force.numpy()[world, row].astype(float),
        )

    def roll(
        self, commands: Array, stride: int = 10, worlds: Sequence[int] | np.ndarray | None = None
    ) -> StateSequence:
        """See Worlds. All worlds are stepped; the state of those that do not move is restored."""
        self._require_open()
        if not np.isfinite(commands).all():
            raise InvalidValueError(
                "stepping Isaac Lab", "commands that are no numbers", "finite angles", "fix the plan"
            )
        moving = np.arange(self.count) if worlds is None else np.asarray(worlds)
        still = np.setdiff1d(np.arange(self.count), moving)
        kept = self._coordinates(still)
        states = []
        for step in range(1, commands.shape[1] + 1):
            self._targets[moving] = commands[:, step - 1]
            self._command(self._targets)
            self._scene.write_data_to_sim()
            self._sim.step(render=False)
            self._scene.update(self.timestep_s)
            self._steps[moving] += 1
            if step % stride == 0 or step == commands.shape[1]:
                states.append(self._rows(self.state(), moving))
        require_room(NewtonManager._solver.mjw_data)
        self._put_back(still, kept)
        if not np.isfinite(states[-1].joint_positions).all():
            raise IntegrityError(
                "stepping Isaac Lab",
                f"the state is not finite at {states[-1].time_s:.3f} s",
                "a stable simulation",
                "check masses, friction and that nothing starts inside something else",
            )
        return stack(states)

    def _require_open(self) -> None:
        if sim_utils.SimulationContext.instance() is not self._sim:
            raise IntegrityError(
                "using worlds in Isaac Lab",
                "worlds that have ended",
                "those opened last: Isaac Lab holds one simulation",
                "open worlds after every stage, and one batch at a time",
            )

    def _rows(self, state: WorldState, rows: np.ndarray) -> WorldState:
        fields: dict[str, Any] = {
            name: value if name == "time_s" else value[rows] for name, value in vars(state).items()
        }
        fields["time_s"] = float(self._steps[rows].max() * self.timestep_s)
        return WorldState(**fields)

    def _arrays(self) -> list[np.ndarray | torch.Tensor]:
        """Coordinates, velocities and the solver's warm start, each (worlds, ...), as views."""
        state, data = NewtonManager.get_state_0(), NewtonManager._solver.mjw_data
        arrays = [wp.to_torch(state.joint_q), wp.to_torch(state.joint_qd)]
        return [array.reshape(self.count, -1) for array in arrays] + [wp.to_torch(data.qacc_warmstart)]

    def _coordinates(self, worlds: np.ndarray) -> list[torch.Tensor]:
        return [array[worlds].clone() for array in self._arrays()] if len(worlds) else []

    def _put_back(self, worlds: np.ndarray, kept: list[torch.Tensor]) -> None:
        if not len(worlds):
            return
        for array, values in zip(self._arrays(), kept, strict=True):
            array[worlds, : values.shape[1]] = values  # a model with more objects has them at its end
        self._mark_moved()
        self._sim.forward()
        self._scene.update(0.0)

    @staticmethod
    def _mark_moved() -> None:
        """Notifies the engine that coordinates were written directly."""
        NewtonManager._fk_reset_mask.fill_(True)
        NewtonManager.kinematics_dirty = True

    def close(self) -> None:
        """See Worlds."""
        if sim_utils.SimulationContext.instance() is self._sim:
            sim_utils.SimulationContext.clear_instance()
