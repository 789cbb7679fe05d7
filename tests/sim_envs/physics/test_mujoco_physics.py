"""The MuJoCo C implementation of the physics interface, and its convex collision parts."""

import numpy as np
import pytest

from assets.objects import OBJECTS, TARGETS
from assets.objects.hulls import convex_parts, thinned, unit_ball
from lace.core.errors import IntegrityError, InvalidValueError
from sim_envs.physics.mujoco import MujocoPhysics
from tests.physics_conformance import PhysicsLaws, cube, scene


class TestMujoco(PhysicsLaws):
    @pytest.fixture(scope="class")
    def physics(self):
        return MujocoPhysics()

    def test_threads_change_nothing(self, home):
        scenes = [scene(home, cube(side)) for side in (0.04, 0.05, 0.06)]
        commands = np.tile(home, (3, 100, 1))
        alone, together = (MujocoPhysics(threads=n).open(scenes).roll(commands) for n in (1, 3))
        assert np.array_equal(alone.T_world_object, together.T_world_object)

    def test_coarse_steps_are_refused(self):
        with pytest.raises(InvalidValueError, match="at least 250"):
            MujocoPhysics(step_hz=120)

    def test_a_diverged_world_is_an_error(self, physics, home):
        worlds = physics.open([scene(home, cube())])
        worlds._worlds[0].data.qvel[0] = np.nan
        with pytest.raises(IntegrityError, match="not finite"):
            worlds.roll(np.tile(home, (1, 5, 1)))


@pytest.mark.parametrize("name", OBJECTS)
def test_parts_are_about_as_large_as_the_mesh(name):
    parts = np.concatenate(convex_parts(name))
    mesh = OBJECTS[name].build().vertices
    size = np.ptp(mesh, axis=0)
    soft = 0.012 if OBJECTS[name].role == "target" else 0.002  # a doll's surface extends beyond its convex parts
    assert (parts.min(0) > mesh.min(0) - 0.004).all()
    assert (parts.max(0) < mesh.max(0) + 0.004).all()
    assert parts[:, 2].min() < 0.002, "it stands on the table"
    assert (np.ptp(parts, axis=0) > size - 2 * soft - 0.1 * size).all()


@pytest.mark.parametrize("name", TARGETS)
def test_parts_of_a_doll_are_inside_its_surface(name):
    """Every vertex of a part is inside or near the mesh: distance to the nearest mesh vertex of its own doll."""
    from scipy.spatial import cKDTree

    mesh = OBJECTS[name].build().vertices
    hulls = convex_parts(name)
    assert len(hulls) >= 8
    outermost = thinned(np.concatenate(hulls))
    distance, _nearest = cKDTree(mesh).query(outermost)
    assert distance.max() < 0.008


def test_the_ball_has_the_volume_of_a_ball():
    import trimesh

    assert trimesh.convex.convex_hull(unit_ball()).volume == pytest.approx(4 / 3 * np.pi, rel=1e-6)


def test_a_doll_stands_still():
    from assets.robots import ROBOTS
    from sim_envs.physics.protocol import RigidObject

    home = ROBOTS["xarm7_leap"](None).embodiment.home
    for name in TARGETS:
        T = np.eye(4)
        T[:3, 3] = 0.5, 0, -0.05
        doll = RigidObject("target", convex_parts(name), 0.08, 0.8, T)
        motion = MujocoPhysics().open([scene(home, doll)]).roll(np.tile(home, (1, 250, 1)), stride=250)
        moved = motion.T_world_object[0, -1, 0]
        assert moved[2, 2] > 0.97, f"{name} fell over"  # the T-rex leans back on its tail by 9 degrees
        assert np.abs(moved[:3, 3] - T[:3, 3]).max() < 0.01, name
