"""Physics by Isaac Lab, kit-less, on Newton's MuJoCo Warp solver: all worlds at once. See `sim_envs/physics.py`.

Isaac Lab holds one simulation in a process: opening worlds, or a stage, ends the worlds before.
"""

from collections.abc import Sequence
from contextlib import redirect_stdout
from io import StringIO
from warnings import catch_warnings, filterwarnings, simplefilter

import isaaclab.sim as sim_utils
import newton
import numpy as np
import torch
import trimesh
import warp as wp
from isaaclab.actuators import ImplicitActuatorCfg
from isaaclab.assets import ArticulationCfg
from isaaclab.scene import InteractiveScene, InteractiveSceneCfg
from isaaclab.utils import configclass
from isaaclab_newton.cloner.replicate import newton_builder_world_hook
from isaaclab_newton.physics import MJWarpSolverCfg, NewtonCfg, NewtonManager
from isaaclab_newton.sim.schemas import MujocoRigidBodyCfg, NewtonArticulationCfg

from assets.robots import ROBOTS
from assets.robots.robot import Robot
from assets.robots.usd import robot_usd
from lace.core.errors import IntegrityError, InvalidValueError
from lace.core.geometry import Array, quat_wxyz_from_rotation, rotation_from_quat_wxyz, transform
from sim_envs.mujoco_physics import OBJECT_CONTACT, ROLLING, TABLE_HALF, TABLE_X, TORSIONAL
from sim_envs.physics import STEP_HZ, Motion, PhysicsScene, RigidObject, WorldState, stack

NJMAX, NCONMAX = 800, 1000
"""Constraint rows and contacts of a world with MuJoCo's own collisions: grasping a doll, the broad phase asked for 409."""
NJMAX_NEWTON, NCONMAX_NEWTON = 1500, 600
"""The same with Newton's collisions, which make more contacts; 300 overflowed and gave NaN (research/simulation.md)."""
ITERATIONS, LINE_SEARCHES = 100, 50
"""With fewer the solver warns that its line search ran out (research/simulation.md)."""
MULTICCD = True
"""Several contacts between two convex shapes, as MuJoCo C makes them: with one, a cube on the table creeps and leans."""
SOLREF_RAW = 1
"""Newton passes `solref` on as it stands in this mode; in its default mode it ignores it."""
TABLE, ROBOT = "table", "Robot"


@configclass
class SolverCfg(MJWarpSolverCfg):
    """Newton's solver takes an option that Isaac Lab's configuration of it lacks."""

    jacobian: str = "auto"
    """Of the constraints: dense or sparse. With dense ones a CPU walks through the room of contacts, not through
    the contacts, for every entry of the Hessian: 152 ms a step of 8 worlds against 15."""


class IsaacPhysics:
    """Implements Physics."""

    name = "isaac"

    def __init__(self, robot: Robot | None = None, device: str = "cpu", step_hz: int = STEP_HZ):
        """Args:
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
        """See Physics; all worlds must hold equally many objects of equally many parts."""
        parts = {tuple(len(thing.hulls) for thing in scene.objects) for scene in scenes}
        if len(parts) > 1:
            raise InvalidValueError(
                "opening worlds in Isaac Lab", f"worlds of other numbers of parts ({sorted(parts)[:3]})",
                "the same number of objects and of convex parts in all: the solver wants like worlds",
                "open unlike worlds one after the other, or use the mujoco engine",
            )  # fmt: skip
        return IsaacWorlds(self.robot, scenes, self.device, self.step_hz)


def same_shapes(scenes: Sequence[PhysicsScene]) -> bool:
    """Whether all worlds hold the same hulls: MJWarp collides every world's hulls as those of world 0."""

    def shapes(scene: PhysicsScene) -> list[tuple[bytes, ...]]:
        return [tuple(np.asarray(hull, np.float32).tobytes() for hull in thing.hulls) for thing in scene.objects]

    return all(shapes(scene) == shapes(scenes[0]) for scene in scenes[1:])


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


def add_table(builder: newton.ModelBuilder, z: float) -> None:
    """The same slab as MuJoCo's."""
    half = dict(zip(("hx", "hy", "hz"), TABLE_HALF, strict=True))
    place = wp.transform((TABLE_X, 0.0, z - TABLE_HALF[2]), wp.quat_identity())
    cfg = newton.ModelBuilder.ShapeConfig(mu=1.0, mu_torsional=0.005, mu_rolling=0.0001, density=0.0)  # MuJoCo's defaults
    builder.add_shape_box(body=-1, xform=place, cfg=cfg, label=TABLE, **half)


def add_object(builder: newton.ModelBuilder, thing: RigidObject, label: str) -> None:
    """A free body; its parts share its mass by volume of their boxes, as in MuJoCo."""
    T = thing.T_world_object
    w, x, y, z = quat_wxyz_from_rotation(T[:3, :3])
    body = builder.add_body(xform=wp.transform(tuple(T[:3, 3]), wp.quat(x, y, z, w)), label=label)
    boxes = np.array([np.prod(np.ptp(hull, axis=0)) for hull in thing.hulls])
    contact = {"mujoco:condim": OBJECT_CONTACT["condim"], "mujoco:geom_priority": OBJECT_CONTACT["priority"]}
    contact |= {"mujoco:solref": wp.vec2(*OBJECT_CONTACT["solref"]), "mujoco:solref_mode": SOLREF_RAW}
    for hull, box in zip(thing.hulls, boxes, strict=True):
        mesh = trimesh.convex.convex_hull(np.asarray(hull))
        density = float(thing.mass_kg * box / boxes.sum() / mesh.volume)
        cfg = newton.ModelBuilder.ShapeConfig(
            mu=thing.friction, mu_torsional=TORSIONAL, mu_rolling=ROLLING, density=density
        )
        builder.add_shape_convex_hull(
            body, mesh=newton.Mesh(mesh.vertices.astype(np.float32), mesh.faces.ravel()), cfg=cfg,
            label=label, custom_attributes=contact,
        )  # fmt: skip


class IsaacWorlds:
    """Implements Worlds."""

    def __init__(self, robot: Robot, scenes: Sequence[PhysicsScene], device: str, step_hz: int):
        self.count, self.timestep_s = len(scenes), 1 / step_hz
        self._scenes, self._device = list(scenes), device
        self._objects = max(len(scene.objects) for scene in scenes)
        self._steps = np.zeros(self.count, int)
        self._sim = self._simulation(same_shapes(scenes))
        cfg = InteractiveSceneCfg(num_envs=self.count, env_spacing=0.0, replicate_physics=True)
        cfg.robot = robot_cfg(robot)
        with newton_builder_world_hook(self._fill), redirect_stdout(StringIO()), catch_warnings():
            simplefilter("ignore", FutureWarning)
            filterwarnings("ignore", message=".*MjWarp requirement")  # more room for contacts while all joints are at 0
            self._scene = InteractiveScene(cfg)
            self._sim.reset()
        self._robot = self._scene["robot"]
        names = list(self._robot.joint_names)
        self._order = [names.index(name) for name in robot.embodiment.joint_names]
        self._start()

    def _simulation(self, mujoco_contacts: bool) -> sim_utils.SimulationContext:
        sim_utils.SimulationContext.clear_instance()
        njmax, nconmax = (NJMAX, NCONMAX) if mujoco_contacts else (NJMAX_NEWTON, NCONMAX_NEWTON)
        solver = SolverCfg(
            jacobian="sparse" if self._device == "cpu" else "auto", njmax=njmax, nconmax=nconmax, cone="elliptic",
            impratio=10.0, integrator="implicitfast", iterations=ITERATIONS, ls_iterations=LINE_SEARCHES,
            enable_multiccd=MULTICCD, use_mujoco_contacts=mujoco_contacts,
        )  # fmt: skip
        physics = NewtonCfg(solver_cfg=solver, use_cuda_graph=self._device != "cpu")
        return sim_utils.SimulationContext(sim_utils.SimulationCfg(device=self._device, dt=self.timestep_s, physics=physics))

    def _fill(self, builder: newton.ModelBuilder, world: int, _position: np.ndarray, _quat: np.ndarray) -> None:
        scene = self._scenes[world]
        add_table(builder, scene.table_z)
        for slot, thing in enumerate(scene.objects):
            add_object(builder, thing, object_label(world, slot))

    def _start(self) -> None:
        """Puts robots where their scenes have them and finds out whose every geom is."""
        q = np.stack([scene.joint_positions for scene in self._scenes])
        self._robot.write_joint_position_to_sim_index(position=self._tensor(q), joint_ids=self._order)
        self._robot.write_joint_velocity_to_sim_index(velocity=self._tensor(0 * q), joint_ids=self._order)
        self._command(q)
        self._sim.forward()
        model, solver = NewtonManager.get_model(), NewtonManager._solver
        bodies = {label: i for i, label in enumerate(model.body_label)}
        self._body = np.full((self.count, self._objects), -1)
        for world in range(self.count):
            for slot in range(len(self._scenes[world].objects)):
                self._body[world, slot] = bodies[object_label(world, slot)]
        owner = np.zeros(model.body_count + 1, int)  # 0 the robot, 1 + i object i, -1 the table
        owner[-1] = -1
        for slot, column in enumerate(self._body.T):
            owner[column[column >= 0]] = 1 + slot
        shape_owner = owner[model.shape_body.numpy()]
        base = [i for i, label in enumerate(model.shape_label) if "link_base" in label.split("/")[-1]]
        shape_owner[base] = 0  # its links hang on the world
        shapes = solver.mjc_geom_to_newton_shape.numpy()
        self._owner = np.where(shapes >= 0, shape_owner[shapes], -1)

    def _tensor(self, values: Array) -> torch.Tensor:
        return torch.as_tensor(values, dtype=torch.float32, device=self._device)

    def _command(self, q: Array) -> None:
        """Sets position targets (n, joints) [rad]."""
        self._targets = q.copy()
        self._robot.actuators.target_command.set_position_index(value=self._tensor(q), joint_ids=self._order)

    def state(self) -> WorldState:
        """See Worlds."""
        self._require_open()
        data, solver = self._robot.data, NewtonManager._solver
        poses = NewtonManager.get_state_0().body_q.numpy()[self._body].astype(float)
        T = transform(rotation_from_quat_wxyz(poses[..., [6, 3, 4, 5]]), poses[..., :3])
        missing = self._body < 0
        T[missing] = np.nan
        owners, world, force = self._contacts(solver.mjw_data)
        low, high = owners.min(1, initial=0), owners.max(1, initial=-1)
        robot_object, object_table = np.where(missing, np.nan, 0.0), np.where(missing, np.nan, 0.0)
        for total, first in ((robot_object, 0), (object_table, -1)):
            mine = (low == first) & (high > 0)
            np.add.at(total, (world[mine], high[mine] - 1), force[mine])
        return WorldState(
            float(self._steps.max() * self.timestep_s), self._joints(data.joint_pos), self._joints(data.joint_vel), T,
            np.bincount(world, force * ((low == -1) & (high == 0)), self.count), robot_object, object_table,
            np.bincount(world, force * ((low == 0) & (high == 0)), self.count),
        )  # fmt: skip

    def _joints(self, values) -> Array:
        return wp.to_torch(values.warp).cpu().numpy()[:, self._order].astype(float)

    def _contacts(self, data) -> tuple[np.ndarray, np.ndarray, Array]:
        """Owners (c, 2), worlds (c,) and normal forces (c,) [N] of active contacts."""
        count = int(data.nacon.numpy()[0])
        world, row = data.contact.worldid.numpy()[:count], data.contact.efc_address.numpy()[:count, 0]
        active = row >= 0
        world, row = world[active], row[active]
        geoms = data.contact.geom.numpy()[:count][active]
        return self._owner[world[:, None], geoms].reshape(-1, 2), world, data.efc.force.numpy()[world, row].astype(float)

    def roll(self, commands: Array, stride: int = 10, worlds: Sequence[int] | None = None) -> Motion:
        """See Worlds. All worlds are stepped; those that shall stand still are put back."""
        self._require_open()
        if not np.isfinite(commands).all():
            raise InvalidValueError("stepping Isaac Lab", "commands that are no numbers", "finite angles", "mend the plan")
        moving = np.arange(self.count) if worlds is None else np.asarray(worlds)
        still = np.setdiff1d(np.arange(self.count), moving)
        kept = self._coordinates(still)
        states, targets = [], self._targets.copy()
        for step in range(1, commands.shape[1] + 1):
            targets[moving] = commands[:, step - 1]
            self._command(targets)
            self._scene.write_data_to_sim()
            self._sim.step(render=False)
            self._scene.update(self.timestep_s)
            self._steps[moving] += 1
            if step % stride == 0 or step == commands.shape[1]:
                states.append(self._rows(self.state(), moving))
        self._put_back(still, kept)
        if not np.isfinite(states[-1].joint_positions).all():
            raise IntegrityError(
                "stepping Isaac Lab", f"the state is not finite at {states[-1].time_s:.3f} s", "a stable simulation",
                "check masses, friction and that nothing starts inside something else",
            )  # fmt: skip
        return stack(states)

    def _require_open(self) -> None:
        if sim_utils.SimulationContext.instance() is not self._sim:
            raise IntegrityError(
                "using worlds in Isaac Lab", "worlds that have ended", "those opened last: Isaac Lab holds one simulation",
                "open worlds after every stage, and one batch at a time",
            )  # fmt: skip

    def _rows(self, state: WorldState, rows: np.ndarray) -> WorldState:
        fields = {name: value if name == "time_s" else value[rows] for name, value in vars(state).items()}
        return WorldState(**fields | {"time_s": float(self._steps[rows].max() * self.timestep_s)})

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
            array[worlds] = values
        NewtonManager._fk_reset_mask.fill_(True)
        NewtonManager.kinematics_dirty = True
        self._sim.forward()
        self._scene.update(0.0)

    def close(self) -> None:
        """See Worlds."""
        if sim_utils.SimulationContext.instance() is self._sim:
            sim_utils.SimulationContext.clear_instance()


def object_label(world: int, slot: int) -> str:
    """Of an object's body in Newton's model."""
    return f"world_{world}/object_{slot}"
