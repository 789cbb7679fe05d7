"""A camera in another process: `shared:HOST:PORT` reads frames as `real_bridge.cameras.wire` has them."""

import contextlib
import socket

from real_bridge.cameras.camera import CameraError
from real_bridge.cameras.stream import Stream
from real_bridge.cameras.wire import receive

CONNECT_S = 2.0


class SharedCamera(Stream):
    """Implements Camera; the emulator's camera is one."""

    def __init__(self, argument: str):
        """Connects to `HOST:PORT`."""
        host, _, port = argument.rpartition(":")
        if not host or not port.isdigit():
            raise CameraError(
                "opening the camera",
                f"the address {argument!r}",
                "shared:HOST:PORT",
                "copy it from `lace bridge emulate`",
            )
        try:
            connection = socket.create_connection((host, int(port)), CONNECT_S)
        except OSError as error:
            raise CameraError(
                "opening the camera",
                f"{error} at {argument}",
                "a process that serves frames",
                "start `lace bridge emulate`",
            ) from error
        connection.settimeout(None)

        def close() -> None:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

        super().__init__(lambda: receive(connection), close)
