"""A judge for tests: an endpoint of chat completions that answers what the test says."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


class FakeJudge:
    """Counts what it is asked; ``statuses`` are given out first, one a request, before it answers ``reply``."""

    def __init__(self) -> None:
        self.reply: str | Callable[[str], str] = "Score: 1"
        self.statuses: list[int] = []
        self.requests: list[tuple[dict[str, str], dict[str, Any]]] = []
        judge = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                judge.requests.append((dict(self.headers), body))
                status = judge.statuses.pop(0) if judge.statuses else 200
                question = body["messages"][-1]["content"]
                text = judge.reply(question) if callable(judge.reply) else judge.reply
                answer = json.dumps({"choices": [{"message": {"role": "assistant", "content": text}}]}).encode()
                self.send_response(status if self.path == "/v1/chat/completions" else 404)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()


@pytest.fixture
def fake_judge() -> Iterator[Callable[[], FakeJudge]]:
    """Start judges that end with the test."""
    judges: list[FakeJudge] = []

    def start() -> FakeJudge:
        judges.append(FakeJudge())
        return judges[-1]

    yield start
    for judge in judges:
        judge.server.shutdown()
        judge.server.server_close()
