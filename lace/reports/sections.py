"""The kinds of section that a report can hold. Each kind is drawn by the macro of its name in report.html.j2."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar


def data_url(content: bytes, mime: str) -> str:
    """`content` as a data URL of type `mime` ("image/png")."""
    return f"data:{mime};base64,{b64encode(content).decode()}"


@dataclass(frozen=True)
class Section:
    """A titled part of a report."""

    kind: ClassVar[str]
    """Name of the macro in report.html.j2 that draws it."""
    title: str


@dataclass(frozen=True)
class Text(Section):
    """Paragraphs of explanation."""

    kind = "text"
    paragraphs: Sequence[str]


@dataclass(frozen=True)
class Commands(Section):
    """Command lines to copy."""

    kind = "commands"
    lines: Sequence[str]
    note: str = ""


@dataclass(frozen=True)
class Grid(Section):
    """A table of text cells."""

    kind = "grid"
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


@dataclass(frozen=True)
class Picture(Section):
    """A PNG with what a reader must know to judge it."""

    kind = "picture"
    png: bytes
    note: str = ""

    @property
    def source(self) -> str:
        """The picture as a data URL."""
        return data_url(self.png, "image/png")


@dataclass(frozen=True)
class Bars(Section):
    """Rates as horizontal bars with the interval as a whisker."""

    kind = "bars"
    rates: Mapping[str, Mapping[str, Any]]
    """Label -> `value`, `low`, `high` in [0, 1], and `n`."""
    note: str = ""


@dataclass(frozen=True)
class Shares(Section):
    """One stacked bar per row: how often each kind of outcome occurred."""

    kind = "shares"
    counts: Mapping[str, Mapping[str, int]]
    """Row -> kind -> count; the kinds are drawn in this order."""
    colours: Mapping[str, str]
    """Kind -> CSS colour."""
    good: str
    """The kind that is not listed as a failure."""
    note: str = ""


@dataclass(frozen=True)
class Breakdown(Section):
    """Rates by group for several factors, folded by row."""

    kind = "breakdown"
    rows: Mapping[str, Sequence[Mapping[str, Any]]]
    """Row -> factors, each with `name`, `axis`, `p_value` and `groups` (label, value, low, high, n)."""
    note: str = ""


@dataclass(frozen=True)
class Video:
    """An MP4 file and its caption."""

    mp4: bytes
    title: str
    caption: str

    @property
    def source(self) -> str:
        """The film as a data URL."""
        return data_url(self.mp4, "video/mp4")


@dataclass(frozen=True)
class Videos(Section):
    """Films side by side."""

    kind = "videos"
    videos: Sequence[Video]
    note: str = ""


@dataclass(frozen=True)
class Shot:
    """A camera frame with marked points."""

    frame: int
    """Key of the frame in `Gallery.frames`."""
    caption: str
    colour: str
    """CSS colour of the border."""
    truth: Mapping[str, Sequence[float]]
    """Point -> (u, v) [px], drawn as a cross."""
    predicted: Mapping[str, Sequence[float]] | None = None
    """Point -> (u, v) [px], drawn as a ring; None if there is no prediction."""


@dataclass(frozen=True)
class Gallery(Section):
    """Camera frames with true and predicted points, folded by row and grouped by kind."""

    kind = "gallery"
    shots: Mapping[str, Mapping[str, Sequence[Shot]]]
    """Row -> heading -> shots."""
    frames: Mapping[int, bytes]
    """JPEG files; a frame that several shots use is embedded once."""
    size: tuple[int, int]
    """Width and height of the frames [px]."""
    colours: Mapping[str, str] = field(default_factory=dict)
    """Point -> CSS colour."""
    note: str = ""

    @property
    def sources(self) -> dict[int, str]:
        """Frame number -> data URL."""
        return {number: data_url(jpeg, "image/jpeg") for number, jpeg in self.frames.items()}
