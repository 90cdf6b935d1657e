"""What every view needs, and no module holds: the settings, the cluster and the live stream's producer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from flask import Flask, current_app

if TYPE_CHECKING:
    from cluster.service import Cluster
    from cluster.settings import Settings
    from webapp.broadcast import Broadcaster

KEY = "cumulo"


@dataclass(frozen=True, slots=True)
class Context:
    settings: Settings
    cluster: Cluster
    broadcaster: Broadcaster


def install(app: Flask, context: Context) -> None:
    app.extensions[KEY] = context


def context_of(app: Flask) -> Context:
    return cast("Context", app.extensions[KEY])


def settings() -> Settings:
    return context_of(current_app).settings


def cluster() -> Cluster:
    return context_of(current_app).cluster


def broadcaster() -> Broadcaster:
    return context_of(current_app).broadcaster
