"""The filters, with the JSON Schema of their parameters: what the page makes its forms of."""

from __future__ import annotations

from dataclasses import asdict

from flask import Blueprint
from flask.typing import ResponseReturnValue

import filters
from webapp import schemas
from webapp.describe import describe

blueprint = Blueprint("filters", __name__)


@blueprint.get("/filters")
@describe("Every filter and its parameters", answers={200: schemas.FilterList})
def list_filters() -> ResponseReturnValue:
    return {"items": [asdict(info) for info in filters.catalog()], "next": None}
