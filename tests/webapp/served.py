"""The web app on the cluster in memory, for tests that need a real gunicorn: `tests.webapp.served:app`."""

from __future__ import annotations

from typing import Any, cast

from cluster.settings import load_settings
from tests.webapp.fakes import FakeCluster
from webapp import create_app

settings = load_settings()
app = create_app(settings, cast(Any, FakeCluster(settings)))
