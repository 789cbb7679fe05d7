"""Fixtures of the bridge's tests."""

import pytest


@pytest.fixture(scope="session")
def scenes():
    """The emulated camera's renderer; one for the whole run."""
    from tests.real_bridge.filmed import scene_camera

    return scene_camera()


@pytest.fixture
def filmed(emulator, scenes):
    """The emulator with pictures."""
    from tests.real_bridge.filmed import Filmed

    filmed = Filmed(emulator, scenes)
    yield filmed
    filmed.close()
