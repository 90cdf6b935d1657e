"""The API as a client: what it does not follow, and what it says of addresses that cannot be asked."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from cluster.api import Api
from cluster.errors import ClusterError, ClusterUnavailable
from cluster.home import Running


def api(url: str, token: str = "secret") -> Api:
    return Api(Running(url, token, "", "", 0))


@pytest.fixture
def elsewhere() -> Iterator[tuple[str, list[str]]]:
    """A server that sends whoever asks to itself under another name, and what it was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(f"{self.command} {self.path}")
            self.send_response(302)
            self.send_header("Location", f"http://localhost:{server.server_port}/elsewhere")
            self.end_headers()

        do_POST = do_GET  # noqa: N815 - the library's name

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    thread.join()
    server.server_close()


def test_who_is_sent_elsewhere_does_not_take_the_token_there(elsewhere: tuple[str, list[str]]) -> None:
    url, asked = elsewhere
    with pytest.raises(ClusterError, match="answered 302"):
        api(url).post("batches", {})
    assert asked == ["POST /api/v1/batches"]


@pytest.mark.parametrize(
    ("url", "token"),
    [("http://127.0.0.1:abc", "secret"), ("nonsense", "secret"), ("http://127.0.0.1:1", "two\nlines")],
)
def test_what_cannot_be_asked_is_one_line(url: str, token: str) -> None:
    with pytest.raises(ClusterError) as caught:
        api(url, token).get("nodes")
    assert url in caught.value.detail


def test_nobody_there_is_told_apart() -> None:
    with pytest.raises(ClusterUnavailable, match="no answer from"):
        api("http://127.0.0.1:1").get("nodes")
