"""For machines that watch this one: does the process live, can it work, and figures for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from cluster.errors import ClusterFull, ClusterUnavailable
from webapp import context, schemas
from webapp.describe import Media, describe
from webapp.problems import Problem

blueprint = Blueprint("health", __name__)

NODE_FIGURES = {
    "cpu_usage": "CPU in use, percent of the cores that the node may use",
    "memory_usage": "Memory in use, percent",
    "disk_usage": "Disk of the node's data folder in use, percent",
    "network_usage": "Network in use, percent of its speed",
    "running": "Messages being worked on",
    "waiting": "Messages sent to the node and not begun",
    "tasks_processed": "Images processed since the node was first seen",
    "age": "Seconds since the last sample",
}


@blueprint.get("/healthz")
@describe("The process lives", answers={200: schemas.Ready})
def healthz() -> ResponseReturnValue:
    return {"status": "ok"}


@blueprint.get("/readyz")
@describe("Redis answers and takes what is written", answers={200: schemas.Ready}, problems=(503,))
def readyz() -> ResponseReturnValue:
    try:
        context.cluster().ping()
    except ClusterFull as error:
        raise Problem(503, "cluster-full", error.detail) from error  # 507 is for what somebody wants to store
    return {"status": "ok"}


@blueprint.get("/metrics")
@describe(
    "The cluster's figures for Prometheus",
    answers={200: Media("text/plain", "Prometheus text format (or OpenMetrics, by Accept)")},
)
def metrics() -> ResponseReturnValue:
    registry = CollectorRegistry()
    registry.register(ClusterFigures())
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return Response(encode(registry), content_type=content_type)


class ClusterFigures(Collector):
    """Read when asked for, so every process of the web app answers the same; without Redis, only that."""

    def collect(self) -> Iterator[Metric]:
        cluster = context.cluster()
        try:
            summary, nodes = cluster.summary(), cluster.nodes()
        except ClusterUnavailable:
            yield GaugeMetricFamily("cumulo_redis_up", "Whether Redis answers", value=0)
            return
        yield GaugeMetricFamily("cumulo_redis_up", "Whether Redis answers", value=1)
        yield GaugeMetricFamily("cumulo_backlog", "Jobs bound to no node yet", value=summary["backlog"])
        yield GaugeMetricFamily(
            "cumulo_backlog_oldest_seconds",
            "Age of the oldest waiting job",
            value=summary["oldest_age"] or 0.0,
        )
        yield GaugeMetricFamily(
            "cumulo_images_per_minute", "Images done in the last minute", value=summary["images_per_minute"]
        )
        yield _family("cumulo_jobs", "Jobs by state", "state", summary["counts"])
        yield _family("cumulo_nodes", "Nodes by state", "state", summary["nodes"])
        for name, description in NODE_FIGURES.items():
            figures = {node["worker_id"]: node[name] for node in nodes}
            yield _family(f"cumulo_node_{name}", description, "node", figures)


def _family(name: str, description: str, label: str, values: dict[str, float]) -> Metric:
    family = GaugeMetricFamily(name, description, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family
