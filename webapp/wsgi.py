"""What gunicorn serves: `gunicorn -c python:webapp.gunicorn_conf webapp.wsgi:app`."""

from __future__ import annotations

import logging

from cluster.outage import REDIS
from webapp import create_app

logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
REDIS.speak()
app = create_app()
