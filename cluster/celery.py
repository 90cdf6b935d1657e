"""The Celery application: `celery -A cluster worker`, `celery -A cluster flower`."""

from __future__ import annotations

import logging

from celery import Celery, bootsteps
from celery.signals import (
    after_setup_logger,
    after_setup_task_logger,
    after_task_publish,
    celeryd_init,
    worker_process_init,
)

from cluster.outage import REDIS

app = Celery("cluster")
app.config_from_object("celeryconfig")
app.set_default()


class _Liveness(bootsteps.StartStopStep):  # type: ignore[misc]  # celery has no types
    """Loads `cluster.liveness` only where a worker really starts, so that clients stay light."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: object, **kwargs: object) -> None:
        from cluster.liveness import Liveness

        self._liveness = Liveness(consumer)
        super().__init__(consumer, **kwargs)

    def start(self, consumer: object) -> None:
        self._liveness.start()

    def stop(self, consumer: object) -> None:
        self._liveness.stop()


app.steps["consumer"].add(_Liveness)


@celeryd_init.connect  # type: ignore[untyped-decorator]
def _say_what_it_waits_for(**_: object) -> None:
    REDIS.speak()


@after_task_publish.connect  # type: ignore[untyped-decorator]
def _redis_took_a_message(**_: object) -> None:
    REDIS.answered(sure=True)  # beat, a process of its own, does nothing else with Redis


@after_setup_logger.connect  # type: ignore[untyped-decorator]
@after_setup_task_logger.connect  # type: ignore[untyped-decorator]
def _leave_out(logger: logging.Logger, **_: object) -> None:
    from cluster.quiet import without_redis_troubles

    for handler in logger.handlers:
        handler.addFilter(without_redis_troubles)


@worker_process_init.connect  # type: ignore[untyped-decorator]
def _warm_up(**_: object) -> None:
    """The first image of a process should not pay for imports and the first connection."""
    import gc

    import numpy as np  # noqa: F401  # the one heavy import that a filter makes late

    from cluster import measure, runtime
    from filters import memory

    memory.keep(memory.MEGABYTES)
    runtime.patient()
    measure.remember_idle()
    gc.freeze()  # modules are no garbage: to look for it among them takes 40 ms, in the midst of somebody's image
