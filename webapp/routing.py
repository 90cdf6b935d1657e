"""What the variable parts of a path may look like.

Anything else is a 404 before a view runs: an id with a colon in it would reach another kind of Redis key.
"""

from __future__ import annotations

from werkzeug.routing import BaseConverter


class IdConverter(BaseConverter):
    """The id of a job or a batch."""

    regex = "[A-Za-z0-9_-]{1,64}"


class NodeConverter(BaseConverter):
    """The name of a node, as `cluster.settings` allows it."""

    regex = "[A-Za-z0-9][A-Za-z0-9_.-]{0,62}"


class Sha256Converter(BaseConverter):
    regex = "[0-9a-f]{64}"


CONVERTERS = {"id": IdConverter, "node": NodeConverter, "sha256": Sha256Converter}
