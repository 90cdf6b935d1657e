"""A batch's results as one ZIP file, made while it is sent: nothing is held in memory or on disk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from zipstream import ZIP_STORED, ZipStream

from webapp import names

if TYPE_CHECKING:
    from cluster.service import Cluster

CHUNK = 2**18


def archive(cluster: Cluster, jobs: Iterable[dict[str, Any]]) -> ZipStream:
    """The results of the jobs that are done, stored (images do not get smaller), its size known beforehand.

    A result that the store has lost ends the stream early, so the file is seen to be incomplete.
    """
    stream = ZipStream(compress_type=ZIP_STORED, sized=True)
    used: set[str] = set()
    for job in jobs:
        if job["state"] == "done":
            result = job["result"]
            name = names.unique(names.of_result(job["name"], result["format"]), used)
            stream.add(_content(cluster, result["sha256"]), name, size=result["bytes"])
    return stream


def _content(cluster: Cluster, sha256: str) -> Iterator[bytes]:
    with cluster.open_blob(sha256) as source:
        while piece := source.read(CHUNK):
            yield piece
