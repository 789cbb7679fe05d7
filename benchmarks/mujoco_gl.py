"""MuJoCo's OpenGL renderer on the robot and a table: prints frames/s of colour, depth and segmentation passes.

    MUJOCO_GL=osmesa uv run python benchmarks/mujoco_gl.py ROBOT_XML SIZE SHADOWS(0|1) FRAMES

A separate program: MUJOCO_GL must be set before MuJoCo is imported, and a failed start can end the process.
"""

import os
import subprocess
import sys
import time

BACKENDS = ("egl", "osmesa")
"""Tried in this order; the first needs a GPU driver or Mesa's EGL, the second Mesa's software renderer (libosmesa6)."""


def rate(xml: str, size: int, shadows: bool, frames: int) -> float | None:
    """Frames/s measured in a subprocess; None if no backend starts."""
    for backend in BACKENDS:
        command = [sys.executable, __file__, xml, str(size), str(int(shadows)), str(frames)]
        env = os.environ | {"MUJOCO_GL": backend}
        try:
            done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=300, check=False)
        except subprocess.TimeoutExpired:
            continue
        if done.returncode == 0:
            return float(done.stdout.split()[-1])
    print(f"MuJoCo's OpenGL renderer does not start here ({', '.join(BACKENDS)} tried); install libosmesa6")
    return None


def main(xml: str, size: int, shadows: bool, frames: int) -> None:
    """Renders and prints the rate."""
    import mujoco

    spec = mujoco.MjSpec.from_file(xml)
    spec.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_BOX, size=[0.7, 0.8, 0.02], pos=[0.35, 0, -0.03])
    spec.worldbody.add_light(pos=[1, 1, 3], dir=[-0.3, -0.3, -1], castshadow=shadows)
    model = spec.compile()
    data, renderer = mujoco.MjData(model), mujoco.Renderer(model, size, size)
    mujoco.mj_forward(model, data)

    def frame() -> None:
        renderer.update_scene(data)
        renderer.render()
        renderer.enable_depth_rendering()
        renderer.render()
        renderer.disable_depth_rendering()
        renderer.enable_segmentation_rendering()
        renderer.render()
        renderer.disable_segmentation_rendering()

    frame()
    started = time.perf_counter()
    for _ in range(frames):
        frame()
    print(frames / (time.perf_counter() - started))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3] == "1", int(sys.argv[4]))
