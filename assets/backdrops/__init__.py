"""Real places behind the scene, drawn for whole batches of worlds on the device: photographs, panoramas, splats."""

from assets.backdrops.backdrop import Backdrop, open_backdrop

__all__ = ["Backdrop", "open_backdrop"]
