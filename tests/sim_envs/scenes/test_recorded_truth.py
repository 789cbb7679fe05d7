"""Every recorded draw equals the value in the frame, for every axis, on and off."""

from dataclasses import fields, replace

import numpy as np
import pytest

from sim_envs.config.axes import Axes, ClutterAxis
from sim_envs.config.presets import PRESETS
from sim_envs.scenes.randomization import SceneDraws

N = 64


@pytest.fixture(scope="module")
def scenes(source):
    return source.composer.compose(np.arange(N), np.zeros(N, int))


def composed(source, **axes):
    """Scenes with other axes, and their configuration."""
    config = replace(source.config, axes=replace(source.config.axes, **axes))
    composer = type(source.composer)(source.body, source.composer.asset_bank, source.layout, config)
    return composer.compose(np.arange(N), np.zeros(N, int)), config


@pytest.mark.parametrize("count", [(2, 5), (1, 1), (0, 6), (0, 0)])
def test_the_number_of_distractors_is_recorded(source, count):
    scenes, _config = composed(source, clutter=ClutterAxis(count=count))
    drawn, placed = scenes.draws["clutter.count"], scenes.draws["clutter.placed"]
    held = np.sum([thing.which >= 0 for thing in scenes.objects[1:]], axis=0)
    assert (placed == held).all() and (held <= drawn).all(), "where there is no room, one is left out"
    assert drawn.min() == count[0] and drawn.max() == count[1]
    assert (held == drawn).mean() > 0.5


def test_what_stands_on_the_table_is_recorded(scenes):
    assert (scenes.draws["target.name"] == scenes.objects[0].which).all()
    assert np.array_equal(scenes.draws["target.scale"], scenes.objects[0].scale)
    for number, thing in enumerate(scenes.objects[1:]):
        assert (scenes.draws[f"clutter.{number}.which"] == thing.which).all()
    there = scenes.objects[0].which >= 0
    T = scenes.objects[0].T_world_object
    assert np.allclose(np.arctan2(T[:, 1, 0], T[:, 0, 0])[there], scenes.draws["target.yaw"][there])
    assert np.allclose(T[there, 2, 3], scenes.draws["table.height_m"][there])


def test_room_and_table_are_recorded(source, scenes):
    rooms = np.array(source.composer.asset_bank.rooms.names)
    assert (scenes.rooms == rooms[scenes.draws["room.layout"]]).all()
    tables = source.composer.asset_bank.tables
    shown = scenes.table.source[:, source.layout.table][:, :-1]
    assert (shown == tables.source[scenes.draws["table.kind"]][:, :-1]).all()


def test_the_camera_is_recorded(source):
    axis = replace(source.config.axes.camera, elevation_deg=(-30, 40), aim_m=0.1)
    scenes, config = composed(source, camera=axis)
    draws, camera = scenes.draws, scenes.camera
    eye, forward = camera.T_world_cam[:, :3, 3], camera.T_world_cam[:, :3, 2]
    assert np.allclose(-np.rad2deg(np.arcsin(forward[:, 2])), draws["camera.elevation_deg"], atol=1e-6)
    turned = np.rad2deg(np.arctan2(-forward[:, 1], -forward[:, 0])) - draws["camera.azimuth_deg"]
    assert np.allclose((turned + 180) % 360, 180, atol=1e-6)
    palm, target = source.body.palm(scenes.pose), scenes.objects[0]
    there = target.which >= 0
    focus = 0.6 * palm[:, :3, 3] + 0.4 * target.T_world_object[:, :3, 3]
    looked_at = eye + draws["camera.distance_m"][:, None] * forward
    assert np.allclose(looked_at[there], (focus + draws["camera.aim"])[there], atol=1e-9)
    assert (eye[:, 2] == 0.06).any(), "else no camera was raised, and nothing is tested of those"
    size = np.array([config.width, config.height])
    assert np.allclose(camera.K[:, :2, 2], (0.5 + draws["camera.off_centre"]) * size)
    fov = 2 * np.rad2deg(np.arctan(config.width / 2 / camera.K[:, 0, 0]))
    assert np.allclose(fov, draws["camera.fov_deg"])


def test_light_and_sensor_are_recorded(scenes):
    draws, light, sensor = scenes.draws, scenes.lighting, scenes.sensor
    elevation = np.rad2deg(np.arcsin(-light.key_direction[:, 2]))
    assert np.allclose(elevation, draws["light.elevation_deg"])
    azimuth = np.rad2deg(np.arctan2(-light.key_direction[:, 1], -light.key_direction[:, 0]))
    assert np.allclose(azimuth, draws["light.azimuth_deg"])
    colour = draws["light.intensity"][:, None] * (1 + draws["light.warmth"][:, None] * np.array([0.22, 0.02, -0.25]))
    assert np.allclose(light.key_colour, colour) and np.array_equal(light.shadow, draws["light.shadow"])
    gain = 2 ** draws["sensor.exposure_stops"][:, None] * (1 + draws["sensor.white_balance"])
    assert np.allclose(sensor.gain, gain)
    for name in ("noise", "blur", "jpeg_quality"):
        assert np.array_equal(getattr(sensor, name), draws[f"sensor.{name}"])
    assert draws["sensor.jpeg_quality"].dtype.kind == "i", "the quality is written as the encoder uses it"
    offsets = np.stack([draws["sensor.offset_y"], draws["sensor.offset_x"]], 1)
    assert np.array_equal(sensor.noise_offset, offsets) and np.array_equal(scenes.backdrop, draws["backdrop"])


def test_the_robot_is_recorded(source, scenes):
    bank, q = source.body.bank, scenes.pose.q
    entry = bank.q[scenes.draws["arm.bank_entry"]]
    assert np.allclose(q[:, 1:], entry[:, 1:])
    assert np.allclose(q[:, 0] - entry[:, 0], np.deg2rad(scenes.draws["arm.yaw_deg"]))
    base = source.body.visual_colours
    shade = scenes.draws["tint.brightness"][:, None] + scenes.draws["tint.hue"]
    drawn = scenes.table.colour[:, source.layout.body]
    assert np.allclose(drawn, np.clip(base * shade[:, None], 0, 1))


def test_an_axis_that_is_off_is_recorded_as_the_middle_of_its_ranges():
    axes = Axes(**{axis.name: replace(getattr(Axes(), axis.name), on=False) for axis in fields(Axes)})
    draws = SceneDraws.of(axes, 0, np.arange(N), np.zeros(N, int))
    assert (draws.clutter.integer("count", 2, 6) == 4).all() and (draws.arm.chance("reaching", 0.75)).all()
    assert (draws.light.uniform("intensity", 1, 3) == 2).all() and not draws.camera.normal("aim", 1.0).any()
    assert {name: set(value.tolist()) for name, value in draws.recorded().items()} == {
        "clutter.count": {4},
        "arm.reaching": {True},
        "light.intensity": {2.0},
        "camera.aim": {0.0},
    }


def test_motions_record_nothing_that_their_frames_do_not_hold(source):
    from sim_envs.scenes.demonstration import Demonstrations

    frames = Demonstrations(source.composer, 4).compose(np.arange(4), np.zeros(4, int))
    assert not [name for name in frames.draws if name.startswith("hand.") or name in ("arm.bank_entry", "arm.yaw_deg")]
    offsets = np.stack([frames.draws["sensor.offset_y"], frames.draws["sensor.offset_x"]], 1)
    assert np.array_equal(frames.sensor.noise_offset, offsets) and len(np.unique(offsets, axis=0)) == 4


def test_presets_record_only_what_axes_and_bodies_draw(scenes):
    prefixes = {name.partition(".")[0] for name in scenes.draws}
    assert prefixes <= {axis.name for axis in fields(Axes)} | {"place", "backdrop"}
    assert PRESETS["randomized"].sensor.on
