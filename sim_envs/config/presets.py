"""Presets of the axes, and camera views."""

from lace.core.registry import Registry
from sim_envs.config.axes import (
    Axes,
    CameraAxis,
    ClutterAxis,
    LightAxis,
    RoomAxis,
    SensorAxis,
    TableAxis,
    TargetAxis,
    TintAxis,
)

PRESETS: Registry[Axes] = Registry("preset")


def _one_room(kind: str) -> Axes:
    return Axes(
        room=RoomAxis(kinds=(kind,)),
        tint=TintAxis(on=False),
        light=LightAxis(elevation_deg=(50, 80), warmth=(-0.2, 0.3)),
        clutter=ClutterAxis(count=(0, 4)),
    )


PRESETS.add(
    "clean",
    Axes(
        room=RoomAxis(kinds=("studio",), layouts=2),
        table=TableAxis(on=False),
        clutter=ClutterAxis(on=False, count=(0, 0)),
        light=LightAxis(on=False, azimuth_deg=(-70, 10), elevation_deg=(60, 70), warmth=(0, 0), ambient=(0.4, 0.5)),
        tint=TintAxis(on=False, brightness=(1, 1)),
        sensor=SensorAxis(on=False, exposure_stops=(0, 0), noise=(0, 0), blur=(0, 0), jpeg_quality=(95, 95)),
    ),
)


for _kind in ("lab", "kitchen", "office"):
    PRESETS.add(_kind, _one_room(_kind))


PRESETS.add(
    "randomized",
    Axes(target=TargetAxis(names=("all",)), camera=CameraAxis(azimuth_deg=(-140, 140), roll_deg=(-20, 20))),
)


VIEWS: Registry[CameraAxis] = Registry("view")
"""Camera positions relative to the owner of the hand; each preset also has its own range around the scene."""


VIEWS.add(
    "egocentric",
    CameraAxis(
        distance_m=(0.5, 0.75),
        azimuth_deg=(135, 175),
        elevation_deg=(48, 68),
        roll_deg=(-8, 8),
        aim_m=0.05,
        fov_deg=(48, 70),
    ),
)


VIEWS.add("third_person", CameraAxis(distance_m=(0.5, 1.0), azimuth_deg=(-75, 75), elevation_deg=(15, 50), aim_m=0.08))
