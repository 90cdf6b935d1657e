"""The cluster's HTTP API as a client sees it."""

from __future__ import annotations

from typing import Any

import httpx

from cluster.errors import ClusterError, Conflict, NotFound
from cluster.home import Running

REFUSALS = {404: NotFound, 409: Conflict}


class Api:
    """The cluster's HTTP API. Every refusal is a ClusterError with the problem's own words."""

    def __init__(self, cluster: Running) -> None:
        self._http = httpx.Client(
            base_url=f"{cluster.url}/api/v1/",
            headers={"Authorization": f"Bearer {cluster.token}"},
            timeout=httpx.Timeout(120, connect=5),
        )
        self._url = cluster.url

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            response = self._http.request(method, path, **options)
        except httpx.HTTPError as error:
            raise ClusterError(f"no answer from {self._url}: {error}") from error
        if response.is_error:
            raise REFUSALS.get(response.status_code, ClusterError)(_problem(response))
        return response

    def get(self, path: str, **params: Any) -> Any:
        return self.request("GET", path, params=params).json()


def _problem(response: httpx.Response) -> str:
    try:
        problem = response.json()
        return str(problem["detail"])
    except (ValueError, KeyError, TypeError):
        return f"{response.request.url} answered {response.status_code}"
