"""`lace assets check`: the laws that every robot obeys, one by one, with what is wrong."""

from collections.abc import Callable, Iterator

import mujoco
import numpy as np
import trimesh

from assets.robots.robot import Robot
from lace.core.embodiment import Embodiment
from lace.core.geometry import Array, apply, invert
from lace.core.keypoints import FINGERS, INDEX
from lace.core.kinematics import Kinematics

HAND_POSES = 20
"""Degrees of closing at which the hand is tried for self-collision."""
TOLERANCE_M = 1e-3
"""Overlap of collision shapes that does not count."""
SAMPLES = 2000
"""Points on each mesh."""

FREE_UNTIL = 0.4
"""Share of closing until which no links may meet; fingers that close farther on nothing cross one another."""
RAISED_M = 0.17
"""Least height of the grasp point over the base at home: what is held there has been lifted off any table [m]."""

Law = tuple[str, Callable[[Robot], Iterator[str]]]
"""What it says, and a function that yields what is wrong with a robot."""


def check(robot: Robot) -> list[tuple[str, list[str]]]:
    """Every law with what is wrong, nothing where it is obeyed."""
    return [(said, list(problems(robot))) for said, problems in LAWS]


def _limits(robot: Robot) -> Iterator[str]:
    for joint in robot.embodiment.joints:
        if not joint.lower < joint.upper:
            yield f"{joint.name}: {joint.lower:g} to {joint.upper:g}"
        elif not joint.lower <= joint.home <= joint.upper:
            yield f"{joint.name}: home {joint.home:g} is outside {joint.lower:g} to {joint.upper:g}; give it in [home]"


def _arm(robot: Robot) -> Iterator[str]:
    body = robot.embodiment
    kinematics = Kinematics(body)
    T = kinematics.link_poses(body.home)
    if body.arm_dof < 1:
        yield 'there is no arm: say arm = "xarm7" to attach the hand to one'
        return
    first = T[kinematics.link_index[body.joints[0].child]]
    if abs((first[:3, :3] @ body.joints[0].axis)[2]) < 0.999:
        yield f"{body.joints[0].name} does not turn about z"
    palm = T[kinematics.link_index[body.palm_link]]
    if palm[0, 3] < 0.2 or abs(palm[1, 3]) > 0.2 or palm[2, 3] < 0:
        yield f"at home the palm is at {np.round(palm[:3, 3], 2).tolist()} m: change [home] or turn the base link"


def _raised(robot: Robot) -> Iterator[str]:
    body = robot.embodiment
    kinematics = Kinematics(body)
    T = kinematics.link_poses(body.home)[kinematics.link_index[body.palm_link]]
    height = float((T @ [*body.grasp_point, 1.0])[2])
    if height < RAISED_M:
        yield (
            f"at home the grasp point is {height:.2f} m above the base, lower than a doll there: raise the arm"
            " by arm_home, or [home] of an arm of your own (of the xarm7 joint4 and joint6 by the same angle)"
        )


def _opened(body: Embodiment, share: float = 0.0) -> Array:
    return np.concatenate([body.home[: body.arm_dof], body.hand_at(share)])


def _palm_frame(robot: Robot) -> Iterator[str]:
    local = _in_palm(robot, 0.0)
    tips = [local[INDEX[f"{finger}_tip"]] for finger in FINGERS[1:] if f"{finger}_tip" in _names(robot)]
    if not tips or "wrist" not in _names(robot):
        yield "no wrist, or no tip of a finger besides the thumb's: add them to [keypoints]"
        return
    along = np.mean(tips, 0) - local[INDEX["wrist"]]
    if along[0] < 0.9 * np.linalg.norm(along[[0, 2]]):
        away = np.degrees(np.arctan2(np.hypot(*along[1:]), along[0]))
        side = "the back of the hand" if along[2] > 0 else "the side that the palm looks along"
        yield (
            f"from the wrist to their tips, the open fingers point {away:.0f} degrees away from `fingers`, to {side}:"
            " change fingers or faces, or open the hand less in [curl]"
        )


def _closing(robot: Robot) -> Iterator[str]:
    body = robot.embodiment
    if not body.fingers or not {"thumb_tip", "index_tip"} <= _names(robot):
        return
    spans = []
    for share in (0.0, 1.0):
        points = _in_palm(robot, share)
        spans.append(np.linalg.norm(points[INDEX["thumb_tip"]] - points[INDEX["index_tip"]]))
    if spans[1] > spans[0] - 0.02:
        yield f"thumb and index tip are {spans[0]:.3f} m apart when open, {spans[1]:.3f} when closed: change [curl]"
    tips = [INDEX[name] for name in _names(robot) if name.endswith("_tip") and name != "thumb_tip"]
    moved = _in_palm(robot, 1.0)[tips] - _in_palm(robot, 0.0)[tips]
    if _turns(body) and moved[:, 2].mean() > -0.005:
        yield f"closing moves finger tips by {moved[:, 2].mean():.3f} m along z, not -z: change faces, or [curl]"


def _turns(body: Embodiment) -> bool:
    """Whether closing turns a link: the fingers of a parallel gripper only slide."""
    R_open, R_closed = (Kinematics(body).link_poses(_opened(body, share))[:, :3, :3] for share in (0.0, 1.0))
    return bool(np.abs(R_closed - R_open).max() > 0.1)


def _on_the_body(robot: Robot) -> Iterator[str]:
    body, kinematics = robot.embodiment, Kinematics(robot.embodiment)
    T = kinematics.link_poses(_opened(body))
    points = kinematics.keypoints(T)
    for row in body.keypoints:
        meshes = [visual for visual in robot.visuals if visual.link in row.links]
        if not meshes:
            yield f"{row.name}: nothing is drawn of {', '.join(row.links)}: name the links around it in `links`"
            continue
        surface = np.concatenate(
            [apply(T[kinematics.link_index[v.link]] @ v.T_link_mesh, _samples(v.mesh)) for v in meshes]
        )
        gap = np.linalg.norm(surface - points[INDEX[row.name]], axis=1).min()
        if gap >= row.radius:
            yield f"{row.name} is {gap:.3f} m from the surface, its radius {row.radius:g}: move it, or enlarge radius"


def _free(robot: Robot) -> Iterator[str]:
    body = robot.embodiment
    model = mujoco.MjModel.from_xml_path(str(robot.xml_path))
    data, pairs = mujoco.MjData(model), {}
    for share in np.linspace(0, FREE_UNTIL, HAND_POSES):
        data.qpos[:] = _opened(body, float(share))
        mujoco.mj_kinematics(model, data)
        mujoco.mj_collision(model, data)
        for contact in data.contact:
            if contact.dist < -TOLERANCE_M:
                pair = tuple(sorted(model.body(int(model.geom_bodyid[geom])).name for geom in contact.geom))
                pairs[pair] = max(pairs.get(pair, 0.0), float(-contact.dist))
    for (one, two), depth in sorted(pairs.items(), key=lambda item: -item[1]):
        yield f"{one} and {two} overlap by up to {1000 * depth:.0f} mm while the hand closes at home"


def _names(robot: Robot) -> set[str]:
    return {row.name for row in robot.embodiment.keypoints}


def _in_palm(robot: Robot, share: float) -> Array:
    """Keypoints (21, 3) in the palm's frame of a hand closed by `share`."""
    kinematics = Kinematics(robot.embodiment)
    T = kinematics.link_poses(_opened(robot.embodiment, share))
    return apply(invert(T[kinematics.link_index[robot.embodiment.palm_link]]), kinematics.keypoints(T))


def _samples(mesh) -> Array:
    return trimesh.sample.sample_surface(trimesh.Trimesh(mesh.vertices, mesh.faces), SAMPLES, seed=0)[0]


LAWS: tuple[Law, ...] = (
    ("limits are ordered and hold the home position", _limits),
    ("the arm comes first, turns about z and faces x", _arm),
    ("the arm at home holds the hand above what is on a table", _raised),
    ("the open fingers point along the palm's x", _palm_frame),
    ("a closing hand closes, towards the side that the palm looks along", _closing),
    ("keypoints lie on the robot", _on_the_body),
    ("a closing hand does not meet itself before it is nearly half closed", _free),
)
