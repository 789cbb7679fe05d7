"""Isaac Lab on Newton MJWarp as `Physics`: known pitfalls in one pair of worlds; all conformance tests with -m slow.

Opening worlds takes seconds, and stepping few worlds on a CPU is slow.
"""

import os
import subprocess
import sys
from pathlib import Path

import mujoco
import newton
import numpy as np
import pytest
from isaaclab_newton.physics import NewtonManager
from newton.solvers import SolverMuJoCo

from assets.objects.hulls import convex_parts
from assets.robots.robot import collision_spec
from lace.core.errors import IntegrityError, InvalidValueError
from lace.core.geometry import apply
from lace.core.kinematics import Kinematics
from sim_envs.physics.isaac.objects import add_things
from sim_envs.physics.isaac.physics import IsaacPhysics
from sim_envs.physics.mujoco import OBJECT_CONTACT
from sim_envs.physics.protocol import RigidObject
from tests.physics_conformance import MASS_KG, TABLE_Z, PhysicsLaws, cube, scene, standing

pytestmark = pytest.mark.isaac


@pytest.fixture(scope="module")
def physics():
    return IsaacPhysics()


@pytest.fixture(scope="module")
def home(physics):
    return physics.robot.embodiment.home


@pytest.fixture(scope="module")
def worlds(physics, home):
    opened = physics.open([scene(home, cube()), scene(home, cube(at=(0.5, 0.1), friction=0.5))])
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def model(worlds):
    return NewtonManager._solver.mj_model


def test_one_pair_of_actuators_a_joint_with_our_gains(model, physics):
    joints = physics.robot.embodiment.joints
    gains = [(j.stiffness, 0.0) for j in joints], [(0.0, j.damping) for j in joints]
    bias = -model.actuator_biasprm[:, 1:3]
    assert model.nu == 2 * len(joints)
    assert np.allclose(sorted(map(tuple, bias)), sorted([*gains[0], *gains[1]]))
    assert np.allclose(model.jnt_actfrcrange[: len(joints), 1], [j.effort for j in joints])


def test_gravity_is_compensated_but_for_objects_and_base(model):
    assert (model.body_gravcomp[2:-1] == 1).all() and model.body_gravcomp[-1] == 0


def test_what_conversion_must_keep(model, physics):
    """Friction, condim, armature, passive damping and excluded pairs equal those of our MJCF."""
    ours = collision_spec(physics.robot).compile()
    assert np.allclose(model.dof_armature[: ours.nv], ours.dof_armature)
    assert np.allclose(model.dof_damping[: ours.nv], ours.dof_damping)
    assert np.allclose(model.dof_frictionloss[: ours.nv], ours.dof_frictionloss)
    count = np.unique(np.round(np.column_stack([ours.geom_friction, ours.geom_condim]), 5), axis=0, return_counts=True)
    kept = model.geom_bodyid > 0
    theirs = np.column_stack([model.geom_friction, model.geom_condim])[kept][:-1]  # without the cube
    assert np.unique(np.round(theirs, 5), axis=0, return_counts=True)[1].sum() in (count[1].sum(), count[1].sum() - 1)
    assert model.nexclude >= ours.nexclude


def test_an_objects_contact_is_the_same_as_mujocos(model):
    geom = model.ngeom - 1
    assert (
        model.geom_condim[geom] == OBJECT_CONTACT["condim"] and model.geom_priority[geom] == OBJECT_CONTACT["priority"]
    )
    assert np.allclose(model.geom_solref[geom], OBJECT_CONTACT["solref"])
    assert model.opt.cone == mujoco.mjtCone.mjCONE_ELLIPTIC and model.opt.impratio == 10


def test_fingertips_collide_where_they_are_drawn(physics):
    """The centre of each tip's collision shape is on its fingertip keypoint's link, within the shape's size."""
    model = collision_spec(physics.robot).compile()
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    body = physics.robot.embodiment
    kinematics = Kinematics(body)
    points = kinematics.keypoints(kinematics.link_poses(np.zeros((1, len(body.joints)))))[0]
    for geom, keypoint in (("leap_if_tip", 8), ("leap_mf_tip", 12), ("leap_rf_tip", 16), ("leap_th_tip", 4)):
        assert np.linalg.norm(data.geom(geom).xpos - points[keypoint]) < 0.03, geom


def test_worlds_rest_and_stand_still_while_others_move(worlds, home):
    motion = worlds.roll(np.tile(home, (2, 100, 1)), stride=100)
    assert motion.object_table_N[:, -1, 0] == pytest.approx(9.81 * MASS_KG, rel=1e-3)
    assert np.abs(motion.T_world_object[:, -1, 0, 2, 3] - TABLE_Z).max() < 1e-4  # 0.6 mm without multiccd
    assert motion.robot_table_N.max() == motion.robot_object_N.max() == 0
    before, goal = worlds.state(), home.copy()
    goal[0] += 0.2
    worlds.roll((home + np.linspace(0, 1, 50)[:, None] * (goal - home))[None], worlds=[1])
    after = worlds.state()
    assert np.allclose(after.joint_positions[0], before.joint_positions[0], atol=1e-6)
    assert np.allclose(after.T_world_object[0], before.T_world_object[0], atol=1e-6)
    assert 0.05 < after.joint_positions[1, 0] - home[0] < 0.2
    assert (
        np.linalg.norm(apply(after.T_world_object[1, 0], [[0, 0, 0]])[0, :2] - [0.5, 0.1]) < 1e-4
    )  # it moved by 2 mm without multiccd
    with pytest.raises(InvalidValueError, match="finite"):
        worlds.roll(np.full((2, 5, len(home)), np.nan))


def doll(name: str, scale: float, at=(0.5, 0.0), slot: str = "target") -> RigidObject:
    """A doll on the table."""
    T = np.eye(4)
    T[:3, 3] = *at, TABLE_Z
    return RigidObject(slot, tuple(scale * hull for hull in convex_parts(name)), 0.08, 0.8, T)


def test_every_world_collides_its_own_hulls_whatever_stands_beside_it(physics, home):
    """Worlds with other numbers of objects and parts, stepped together, equal each alone except for rounding."""
    cube_pair = scene(home, cube(0.05, friction=0.5), cube(0.06, at=(0.4, 0.2), name="other"))
    scenes = [scene(home), scene(home, doll("dinosaur", 1.0)), cube_pair]
    commands = np.tile(home, (1, 25, 1))
    alone = [physics.open([one]).roll(commands, stride=25) for one in scenes]
    worlds = physics.open(scenes)
    together = worlds.roll(np.tile(commands, (3, 1, 1)), stride=25)
    for number, motion in enumerate(alone):
        count = len(scenes[number].objects)
        assert np.isnan(together.T_world_object[number, :, count:]).all()
        assert np.allclose(together.T_world_object[number, :, :count], motion.T_world_object[0], atol=1e-6)
        assert np.allclose(together.object_table_N[number, :, :count], motion.object_table_N[0], atol=1e-3)
    worlds.close()


def test_a_hull_keeps_all_its_corners(home):
    """Newton's default of 64 corners left three in an orange's foot: it rocked by 13 degrees."""
    builder = newton.ModelBuilder()
    SolverMuJoCo.register_custom_attributes(builder)
    add_things(builder, scene(home, standing("orange", (0.5, 0.0))), 0, [1])
    model = SolverMuJoCo(builder.finalize("cpu")).mj_model
    spec = mujoco.MjSpec()
    spec.add_mesh(name="orange", uservert=convex_parts("orange")[0].flatten())
    spec.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_MESH, meshname="orange")
    assert corners_of_hull(model) == corners_of_hull(spec.compile()) > 100


def corners_of_hull(model: mujoco.MjModel) -> int:
    """Of the first mesh."""
    return int(model.mesh_graph[model.mesh_graphadr[0]])


def test_worlds_that_another_simulation_ended_say_so(physics, home):
    ended = physics.open([scene(home)])
    physics.open([scene(home)]).close()
    with pytest.raises(IntegrityError, match="one simulation"):
        ended.state()


def test_the_robot_is_converted_whatever_was_imported_before(tmp_path):
    """OpenUSD ignores schemas that are registered after its first schema query."""
    code = (
        "import newton; from pxr import Usd; Usd.SchemaRegistry(); "
        "import os; from assets.robots import ROBOTS; from assets.robots.usd import robot_usd; "
        f"robot = ROBOTS['xarm7_leap'](None); os.environ['LACE_CACHE'] = {str(tmp_path)!r}; print(robot_usd(robot))"
    )
    known = {name: value for name, value in os.environ.items() if name != "PXR_PLUGINPATH_NAME"}  # here from Isaac Lab
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=known)
    assert done.returncode == 0, done.stderr[-500:]
    assert Path(done.stdout.strip().splitlines()[-1]).is_file()


def test_opening_warns_of_nothing_and_contacts_without_room_are_an_error(physics, home, monkeypatch, caplog):
    """The engine prints a line and drops contacts. The buffer fits the start state, so the test shrinks it later."""
    worlds = physics.open([scene(home, cube())])
    assert [record.getMessage() for record in caplog.records] == []
    monkeypatch.setattr(NewtonManager._solver.mjw_data, "naconmax", 2)
    with pytest.raises(IntegrityError, match="no room for all contacts.*NARROWPHASE"):
        worlds.roll(np.tile(home, (1, 5, 1)))
    monkeypatch.undo()
    worlds.restart([0], [scene(home, cube())])
    worlds.roll(np.tile(home, (1, 5, 1)))  # contacts lost in a world do not persist after its reset
    worlds.close()


def test_a_world_restarts_in_place(physics, home):
    PhysicsLaws().test_a_world_restarts_while_the_others_continue(physics, home, larger=False)


@pytest.mark.slow
class TestIsaacLaws(PhysicsLaws):
    @pytest.fixture
    def physics(self):
        return IsaacPhysics()
