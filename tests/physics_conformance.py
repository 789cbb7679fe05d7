"""Requirements of every physics engine. A test file subclasses `PhysicsLaws` and provides a fixture `physics`."""

import numpy as np
import pytest

from assets.objects import OBJECTS
from assets.objects.hulls import convex_parts
from lace.core.errors import InvalidValueError
from lace.core.geometry import apply, axis_angle
from sim_envs.physics.protocol import STEP_HZ, PhysicsScene, RigidObject

TABLE_Z, MASS_KG = -0.05, 0.1
PLACES = [(x, y) for x in (0.95, 1.25) for y in (-0.6, -0.2, 0.2, 0.6)]
"""On the table, away from the robot and from each other [m]."""


def cube(side_m: float = 0.06, at=(0.45, 0.0), friction: float = 0.8, name: str = "target") -> RigidObject:
    """A cube on the table."""
    corners = np.stack(np.meshgrid(*[[-side_m / 2, side_m / 2]] * 3), -1).reshape(-1, 3) + [0, 0, side_m / 2]
    T = np.eye(4)
    T[:3, 3] = [*at, TABLE_Z]
    return RigidObject(name, (corners,), MASS_KG, friction, T)


def standing(name: str, at: tuple[float, float]) -> RigidObject:
    """One of our objects on the table."""
    T = np.eye(4)
    T[:3, 3] = [*at, TABLE_Z]
    return RigidObject(name, convex_parts(name), float(np.mean(OBJECTS[name].mass_kg)), 0.8, T)


def scene(home: np.ndarray, *objects: RigidObject) -> PhysicsScene:
    return PhysicsScene(TABLE_Z, home, objects)


class PhysicsLaws:
    """Requirements of `Physics` and `Worlds`, on the xArm7 with the LEAP Hand."""

    @pytest.fixture
    def home(self):
        from assets.robots import ROBOTS

        return ROBOTS["xarm7_leap"](None).embodiment.home

    def test_steps_are_fine_enough(self, physics, home):
        worlds = physics.open([scene(home)])
        assert worlds.timestep_s <= 1 / STEP_HZ + 1e-12
        worlds.close()

    def test_a_cube_rests_with_its_weight_on_the_table(self, physics, home):
        worlds = physics.open([scene(home, cube())])
        motion = worlds.roll(np.tile(home, (1, 250, 1)))
        assert motion.object_table_N[0, -1, 0] == pytest.approx(9.81 * MASS_KG, rel=0.02)
        assert np.abs(motion.T_world_object[0, -1, 0, :3, 3] - [0.45, 0, TABLE_Z]).max() < 1e-3
        assert motion.robot_table_N.max() == 0
        assert motion.robot_object_N.max() == 0
        worlds.close()

    def test_every_object_rests_where_it_is_placed(self, physics, home):
        names = list(OBJECTS)
        batches = [names[i : i + len(PLACES)] for i in range(0, len(names), len(PLACES))]
        worlds = physics.open([scene(home, *map(standing, batch, PLACES)) for batch in batches])
        motion = worlds.roll(np.tile(home, (len(batches), 2 * STEP_HZ, 1)), stride=50)
        worlds.close()
        for world, batch in enumerate(batches):
            for slot, (name, at) in enumerate(zip(batch, PLACES, strict=False)):
                T = motion.T_world_object[world, :, slot]
                turned = np.rad2deg(np.arccos(np.clip((np.trace(T[:, :3, :3], axis1=1, axis2=2) - 1) / 2, -1, 1)))
                moved = np.linalg.norm(T[:, :3, 3] - [*at, TABLE_Z], axis=1)
                assert turned.max() < 1 and moved.max() < 1e-3, f"{name}: {turned.max():.2f} deg, {moved.max():.5f} m"

    def test_a_dropped_cube_falls_with_gravity(self, physics, home):
        raised = cube()
        raised.T_world_object[2, 3] += 0.5
        worlds = physics.open([scene(home, raised)])
        motion = worlds.roll(np.tile(home, (1, 60, 1)), stride=60)
        time = motion.time_s[-1]
        fallen = TABLE_Z + 0.5 - motion.T_world_object[0, -1, 0, 2, 3]
        assert fallen == pytest.approx(0.5 * 9.81 * time**2, rel=0.03)
        worlds.close()

    def test_joints_go_where_they_are_told(self, physics, home):
        goal = home.copy()
        goal[[0, 3, 7, 11]] += [0.3, -0.2, 0.4, 0.3]
        worlds = physics.open([scene(home)])
        ramp = home + np.linspace(0, 1, 300)[:, None] * (goal - home)
        motion = worlds.roll(np.concatenate([ramp, np.tile(goal, (100, 1))])[None])
        assert np.abs(motion.joint_positions[0, -1] - goal).max() < 0.03
        assert np.abs(motion.joint_velocities[0, -1]).max() < 0.05
        worlds.close()

    def test_non_finite_commands_are_refused(self, physics, home):
        worlds = physics.open([scene(home)])
        with pytest.raises(InvalidValueError, match="finite"):
            worlds.roll(np.full((1, 5, len(home)), np.nan))
        worlds.close()

    def test_friction_decides_where_a_tumbling_cube_stops(self, physics, home):
        stops = []
        for friction in (0.3, 0.9):
            thing, lean = cube(friction=friction), axis_angle([0, 1, 0], 0.45)
            thing.T_world_object[:3, :3], thing.T_world_object[2, 3] = lean, TABLE_Z + 0.06
            worlds = physics.open([scene(home, thing)])
            motion = worlds.roll(np.tile(home, (1, 300, 1)))
            stops.append(apply(motion.T_world_object[0, -1, 0], [[0, 0, 0.03]])[0, 0])
            worlds.close()
        assert abs(stops[0] - stops[1]) > 1e-3

    def test_the_same_commands_give_the_same_states(self, physics, home):
        commands = home + 0.2 * np.sin(np.linspace(0, 6, 200))[:, None] * (np.arange(len(home)) < 3)
        runs = []
        for _ in range(2):
            worlds = physics.open([scene(home, cube()), scene(home, cube(0.05))])
            runs.append(worlds.roll(np.tile(commands, (2, 1, 1))))
            worlds.close()
        for name, value in vars(runs[0]).items():
            assert np.array_equal(value, getattr(runs[1], name), equal_nan=True), name

    def test_worlds_are_apart_and_may_move_alone(self, physics, home):
        worlds = physics.open(
            [scene(home, cube(at=(0.4, 0.1))), scene(home, cube(), cube(at=(0.6, 0.2), name="other"))]
        )
        before = worlds.state()
        assert np.isnan(before.T_world_object[0, 1]).all()
        moved = home.copy()
        moved[0] += 0.3
        worlds.roll(np.tile(moved, (1, 200, 1)), worlds=[1])
        after = worlds.state()
        assert np.array_equal(after.joint_positions[0], before.joint_positions[0])
        assert after.joint_positions[1, 0] == pytest.approx(moved[0], abs=0.02)
        worlds.close()

    @pytest.mark.parametrize("larger", [False, True], ids=["in_its_place", "with_more_objects"])
    def test_a_world_restarts_while_the_others_continue(self, physics, home, larger):
        """A reset world equals a newly opened one."""
        first = scene(home, cube(), cube(0.05, at=(0.6, 0.2), name="other"))
        things = (cube(0.04, friction=0.4), cube(0.05, (0.4, -0.2), name="other"), cube(0.06, (0.3, 0.3), name="third"))
        fresh = scene(home + 0.05, *things[: 3 if larger else 2])
        commands = np.tile(home + 0.1 * np.sin(np.linspace(0, 3, 40))[:, None], (2, 1, 1))
        worlds = physics.open([first, first])
        worlds.roll(commands)
        goes_on = worlds.roll(commands)
        worlds.close()
        worlds = physics.open([first, first])
        worlds.roll(commands)
        worlds.restart([1], [fresh])
        motion = worlds.roll(commands)
        worlds.close()
        opened = physics.open([fresh]).roll(commands[:1])
        for name, value in vars(motion).items():
            if name != "time_s":
                for row, expected in ((value[0], getattr(goes_on, name)[0]), (value[1], getattr(opened, name)[0])):
                    part = row[:, : expected.shape[1]] if expected.ndim > 1 else row
                    assert np.allclose(part, expected, atol=2e-3 if name.endswith("N") else 1e-5, equal_nan=True), name
