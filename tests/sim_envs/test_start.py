"""What the start of a first frame does not wait for."""

import subprocess
import sys

UNUSED = ("rerun", "trimesh", "networkx", "scipy.spatial", "matplotlib", "pandas")
"""Slow to import, and used by no frame whose assets are in the cache."""


def test_no_library_is_imported_that_a_frame_does_not_use():
    program = f"import sys, sim_envs.frames.source; print([name for name in {UNUSED!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip().splitlines()[-1] == "[]"


def test_rerun_can_be_imported_afterwards():
    program = "import sim_envs.rendering.newton_start, rerun; print(rerun.__name__)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "rerun"


def test_pytorch_does_not_make_newton_load_every_solver():
    program = "import sys, sim_envs.rendering.newton_start; print([n for n in sys.modules if 'solvers.coupled' in n])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip().splitlines()[-1] == "[]"


def test_a_first_frame_loads_only_what_it_uses(tmp_path):
    """Meshes of distance fields come from the cache: making them imports trimesh."""
    program = (
        "import sys; from assets.objects import OBJECTS; "
        "[OBJECTS[name].build() for name in OBJECTS.names() if not OBJECTS[name].sources]; "
        f"print([name for name in {UNUSED[:4]!r} if name in sys.modules])"
    )
    said = [subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True) for _ in "12"]
    assert said[1].stdout.strip() == "[]"
