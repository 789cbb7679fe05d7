"""How simulated frames are stored."""

from lace.core.frames import FrameRecord
from lace.data.schema import EncodedFrame, encode_frame


def encoded(record: FrameRecord) -> EncodedFrame:
    """The frame as a row of a shard, its image as JPEG of the quality drawn for its sensor."""
    return encode_frame(record, "jpg", int(record.draws["sensor.jpeg_quality"]))
