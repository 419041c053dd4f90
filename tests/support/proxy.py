"""A TCP proxy that cuts connections where a test says."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class CuttingProxy:
    """Hands connections on to a server; the answers on the next ones are cut after as many bytes as ``cuts`` says."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.cuts: list[int] = []
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """Where the proxy is."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def cut_all(self) -> None:
        """Cut every connection that is open now."""
        for one in self._open:
            _end(one)
        self._open.clear()

    def close(self) -> None:
        """Cut everything and listen no longer."""
        self._listener.close()
        self.cut_all()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            server = socket.create_connection(self._target)
            self._open += [client, server]
            left = self.cuts.pop(0) if self.cuts else None
            threading.Thread(target=_pump, args=(client, server, None), daemon=True).start()
            threading.Thread(target=_pump, args=(server, client, left), daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket, left: int | None) -> None:
    try:
        while data := source.recv(65536):
            if left is not None and len(data) >= left:
                sink.sendall(data[:left])
                break
            left = None if left is None else left - len(data)
            sink.sendall(data)
    except OSError:
        pass
    finally:
        _end(sink)
        _end(source)


def _end(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()


@contextmanager
def cutting_proxy(target: tuple[str, int]) -> Iterator[CuttingProxy]:
    """Run a proxy."""
    proxy = CuttingProxy(target)
    try:
        yield proxy
    finally:
        proxy.close()
