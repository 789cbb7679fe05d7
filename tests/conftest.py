"""Processes of a test run, and fixtures that need the simulator: one renderer for each, as opening takes seconds."""

import os
import signal

import numpy as np
import pytest

if "PYTEST_XDIST_WORKER" in os.environ:
    # Test processes beside each other slow down by far more than half when each uses all cores.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell that runs us in the background ignores Ctrl-C, and our children inherit that: tests send it to them.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_xdist_auto_num_workers(config) -> int:
    """The whole default suite runs in up to four processes; chosen files, and long proofs in real time, in this one."""
    whole = config.args_source is config.ArgsSource.TESTPATHS
    return min(4, os.cpu_count() or 1) if whole and config.option.markexpr == "not slow" else 0


@pytest.fixture(scope="session")
def robot():
    """The xArm7 with the LEAP Hand (fetched and built on first use)."""
    from assets.robots import ROBOTS

    return ROBOTS["xarm7_leap"](None)


@pytest.fixture(scope="session")
def source():
    """A simulated robot at 224x224 without shadows, 16 scenes at once."""
    from sim_envs.config.scene import SceneConfig, with_preset
    from sim_envs.frames.source import SimulatedFrames

    config = with_preset(SceneConfig(width=224, height=224, shadows=False), "randomized")
    return SimulatedFrames(config)


@pytest.fixture(scope="session")
def batch(source):
    """Scenes 0 to 15 of seed 0."""
    return source.compose(np.arange(source.worlds), np.zeros(source.worlds, int))


@pytest.fixture(scope="session")
def inputs(tmp_path_factory):
    """Folder of the small inputs of commands; `benchmarks.kill_inputs.prepare` makes in it what a test needs."""
    return tmp_path_factory.mktemp("inputs")


@pytest.fixture(scope="session")
def emulator_process(tmp_path_factory):
    """The emulated arm and hand in a separate process, without a camera; one for the whole run."""
    from tests.emulated import running

    with running(tmp_path_factory.mktemp("emulator")) as process:
        yield process


@pytest.fixture
def emulator(emulator_process):
    """The same with its scene reset and its devices as after power-on."""
    emulator_process.admin.clear()
    emulator_process.admin.start()
    return emulator_process
