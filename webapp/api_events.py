"""What happened lately, and how things stand: what a client polls that cannot have the live stream."""

from __future__ import annotations

from flask import Blueprint
from flask.typing import ResponseReturnValue
from pydantic import BaseModel, Field

from webapp import context, schemas
from webapp.describe import describe
from webapp.parsing import query

blueprint = Blueprint("events", __name__)


class EventsQuery(BaseModel):
    limit: int = Field(100, ge=1, le=1000)


@blueprint.get("/events")
@describe(
    "The last events of nodes and policy, newest first",
    query=EventsQuery,
    answers={200: schemas.EventList},
    problems=(400, 503),
)
def list_events() -> ResponseReturnValue:
    return {"items": context.cluster().recent_events(query(EventsQuery).limit), "next": None}


@blueprint.get("/summary")
@describe("The cluster in figures", answers={200: schemas.Summary}, problems=(503,))
def get_summary() -> ResponseReturnValue:
    return context.cluster().summary()
