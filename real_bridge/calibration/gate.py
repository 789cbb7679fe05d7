"""Acceptance limits of a calibration; a refusal names every limit that is missed."""

from dataclasses import dataclass
from typing import Annotated

from lace.core.counting import counted
from lace.core.errors import LaceError
from lace.core.limits import Within
from real_bridge.calibration.hand_eye import HandEyeFit
from real_bridge.calibration.views import LEAST_TURN_RAD, Views


class CalibrationRefused(LaceError):
    """The views do not determine the camera, or disagree with each other."""


@dataclass(frozen=True)
class Gate:
    """Limits; a policy's grasp forgives about a centimetre, so half of one is the most that the camera may cost."""

    views: Annotated[int, Within(1)] = 12
    cells: Annotated[int, Within(1, 9)] = 5
    """Of the nine parts of the image, how many must have had corners."""
    rms_px: Annotated[float, Within(0, open_low=True)] = 1.0
    rms_mm: Annotated[float, Within(0, open_low=True)] = 2.0
    worst_view_px: Annotated[float, Within(0, open_low=True)] = 2.5
    std_mm: Annotated[float, Within(0, open_low=True)] = 3.0
    focal_share: Annotated[float, Within(0, 1, open_low=True)] = 0.01
    """Standard deviation of the focal length, as a share of it."""

    def problems(self, views: Views, fit: HandEyeFit) -> list[str]:
        """What is not good enough, empty where all is."""
        covered, turned, focal = int(views.covered().sum()), views.turned_rad(), float(fit.lens.K[0, 0])
        limits = (
            (len(views.taken) < self.views, f"{counted(len(views.taken), 'view')}, at least {self.views} are needed"),
            (covered < self.cells, f"corners in {covered} of 9 parts of the image, at least {self.cells} are needed"),
            (
                turned < LEAST_TURN_RAD,
                f"turned about one axis alone ({turned:.2f} rad about a second, {LEAST_TURN_RAD} are needed)",
            ),
            (fit.rms_px > self.rms_px, f"the views disagree by {fit.rms_px:.2f} px, at most {self.rms_px}"),
            (fit.rms_mm > self.rms_mm, f"the views disagree by {fit.rms_mm:.1f} mm, at most {self.rms_mm}"),
            (
                fit.worst_view_px > self.worst_view_px,
                f"one view is off by {fit.worst_view_px:.1f} px, at most {self.worst_view_px}",
            ),
            (fit.std_mm > self.std_mm, f"the camera's place is known to {fit.std_mm:.1f} mm, at most {self.std_mm}"),
            (
                fit.focal_std_px > self.focal_share * focal,
                f"the focal length is known to {fit.focal_std_px:.1f} px, "
                f"at most {self.focal_share:.0%} of {focal:.0f}",
            ),
        )
        return [words for bad, words in limits if bad]

    def require(self, views: Views, fit: HandEyeFit) -> None:
        """CalibrationRefused with all reasons, where there are any."""
        problems = self.problems(views, fit)
        if problems:
            raise CalibrationRefused(
                "calibrating the camera",
                "; ".join(problems),
                "views that agree and determine the camera",
                "take more views with the board tilted and in all parts of the image; is it firmly mounted, and are "
                "its squares as large as given?",
            )
