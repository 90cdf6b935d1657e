"""Plain Celery with the same image code: no ledger, no lease, no late binding. For `benchmarks.live`.

One default queue (`celery -A benchmarks.plain_tasks worker`), or one queue a node for the original report's rule.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from celery import Celery
from celery.signals import worker_process_init

import filters
from cluster.storage import FolderStore
from filters import memory

app = Celery("plain", broker=os.environ.get("CUMULO_REDIS_URL"), backend=os.environ.get("CUMULO_REDIS_URL"))
app.conf.update(
    worker_prefetch_multiplier=1,  # the best that Celery's own queue can do; its default is 4
    broker_transport_options={"visibility_timeout": 3600},
    task_ignore_result=False,
)


@worker_process_init.connect
def _warm_up(**_: object) -> None:
    """As the nodes of a cluster do."""
    import numpy as np  # noqa: F401

    memory.keep(256)


@app.task(name="plain.process")
def process(store: str, sha256: str, pipeline: str) -> str:
    folder = FolderStore(Path(store))
    result = filters.apply(folder.get(sha256), json.loads(pipeline), thumbnail=320)
    if result.thumbnail:
        folder.put(result.thumbnail)
    return folder.put(result.data)
