"""Images of real places as scene backgrounds: photographs, panoramas, Gaussian splats; rendered in batches."""

from assets.backdrops.backdrop import Backdrop, open_backdrop

__all__ = ["Backdrop", "open_backdrop"]
