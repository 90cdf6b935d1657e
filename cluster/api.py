"""The cluster's HTTP API as a client sees it.

The standard library for questions and orders in JSON, because it is there at once; httpx, which takes 50 ms to load,
where images go through the connection: it keeps connections, and reads files while it sends them.
"""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Mapping, Sequence
from functools import cached_property
from http.client import HTTPException
from typing import IO, TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

from cluster.errors import ClusterError, ClusterUnavailable, Conflict, NotFound
from cluster.home import Running

if TYPE_CHECKING:
    import httpx

REFUSALS: Mapping[int, type[ClusterError]] = {404: NotFound, 409: Conflict, 503: ClusterUnavailable}
CONNECT_SECONDS, ANSWER_SECONDS = 5, 120
File = tuple[str, tuple[str, IO[bytes], str]]


class _StayHere(HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


class Api:
    """The cluster's HTTP API. Every refusal is a ClusterError with the problem's own words.

    ClusterUnavailable: there is no answer, or one that says so.
    """

    def __init__(self, cluster: Running) -> None:
        self._url = cluster.url
        self._root = f"{cluster.url}/api/v1/"
        self._headers = {"Authorization": f"Bearer {cluster.token}"}
        # A cluster is on one's own network; and who is sent elsewhere must not take the token there.
        self._open = build_opener(ProxyHandler({}), _StayHere).open
        self._reached = False

    def get(self, path: str, **params: Any) -> Any:
        return self._json("GET", path, params=params)

    def post(self, path: str, body: object = None, **params: Any) -> Any:
        return self._json("POST", path, body, params)

    def put(self, path: str, body: object) -> Any:
        return self._json("PUT", path, body, {})

    def download(self, path: str) -> bytes:
        return self._transfer("GET", path).content

    def send_form(self, path: str, fields: Mapping[str, str], files: Sequence[File]) -> Any:
        """POSTs a form; its files are read as they are sent. Several threads may do so at once."""
        return self._transfer("POST", path, data=fields, files=files).json()

    def _transfer(self, method: str, path: str, **options: Any) -> httpx.Response:
        from httpx import HTTPError as Failure

        try:
            response = self._client.request(method, path, **options)
        except Failure as error:
            raise self._no_answer(error) from error
        if response.is_error:
            raise _refusal(response.status_code, response.content, path)
        return response

    @cached_property
    def _client(self) -> httpx.Client:
        """Connections that are kept, and one set of the system's certificates."""
        import httpx

        return httpx.Client(
            base_url=self._root,
            headers=self._headers,
            timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
            trust_env=False,  # no proxies; the certificates are those that the standard library trusts
            verify=ssl.create_default_context(),
        )

    def _json(self, method: str, path: str, body: object = None, params: Mapping[str, Any] | None = None) -> Any:
        given = {name: value for name, value in (params or {}).items() if value is not None}
        url = f"{self._root}{path}?{urlencode(given)}" if given else self._root + path
        data = None if body is None else json.dumps(body).encode()
        headers = self._headers if data is None else {**self._headers, "Content-Type": "application/json"}
        return json.loads(self._sent(url, data, headers, method))

    def _sent(self, url: str, data: bytes | None, headers: Mapping[str, str], method: str) -> bytes:
        try:
            self._reach()
            request = Request(url, data, dict(headers), method=method)  # noqa: S310 - the user's own address
            with self._open(request, timeout=ANSWER_SECONDS) as answer:
                content: bytes = answer.read()
                return content
        except HTTPError as error:
            raise _refusal(error.code, error.read(), url) from None
        except (OSError, HTTPException) as error:
            raise self._no_answer(error) from error
        except ValueError as error:
            raise ClusterError(f"{self._url} cannot be asked: look at the address and the token ({error})") from None

    def _reach(self) -> None:
        """A PC that is not there is found out in seconds; an answer may take longer."""
        if not self._reached:
            address = urlsplit(self._url)
            port = address.port or (443 if address.scheme == "https" else 80)
            socket.create_connection((address.hostname or "", port), CONNECT_SECONDS).close()
            self._reached = True

    def _no_answer(self, error: Exception) -> ClusterUnavailable:
        return ClusterUnavailable(f"no answer from {self._url}: {getattr(error, 'reason', error)}")


def _refusal(status: int, content: bytes, path: str) -> ClusterError:
    try:
        detail = str(json.loads(content)["detail"])
    except (ValueError, KeyError, TypeError):
        detail = f"{path} answered {status}"
    return REFUSALS.get(status, ClusterError)(detail)
