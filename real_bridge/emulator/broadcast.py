"""Sends the newest frame to any number of clients over TCP; a slow client skips frames."""

import socket
import threading
from contextlib import suppress


class Broadcast:
    """A server with a thread for each client."""

    def __init__(self, host: str, port: int = 0):
        self._server = socket.create_server((host, port))
        self.port = self._server.getsockname()[1]
        self._news = threading.Condition()
        self._count, self._message, self._cut = 0, b"", False
        self.clients = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def send(self, message: bytes, cut: bool = False) -> None:
        """Offers a message to all clients; `cut` sends half of it and closes the connection."""
        with self._news:
            self._count += 1
            self._message, self._cut = message, cut
            self._news.notify_all()

    def wait_for_client(self, timeout_s: float) -> bool:
        """Whether anybody listens, after waiting for it at most so long."""
        with self._news:
            return self._news.wait_for(lambda: self.clients > 0, timeout_s)

    def _accept(self) -> None:
        while True:
            try:
                client, _address = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=[client], daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with self._news:
            self.clients += 1
            seen = self._count
            self._news.notify_all()
        with suppress(OSError), client:
            while True:
                with self._news:
                    self._news.wait_for(lambda: self._count > seen)  # noqa: B023  (runs within this turn)
                    seen, message, cut = self._count, self._message, self._cut
                client.sendall(message[: len(message) // 2] if cut else message)
                if cut:
                    break
        with self._news:
            self.clients -= 1

    def close(self) -> None:
        """Stops listening."""
        self._server.close()
