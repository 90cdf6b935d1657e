"""Nodes: what they report, and who gets work."""

from __future__ import annotations

from flask import Blueprint, Response
from flask.typing import ResponseReturnValue
from pydantic import BaseModel, Field

from webapp import context, schemas
from webapp.describe import describe
from webapp.parsing import query

blueprint = Blueprint("nodes", __name__)


class HistoryQuery(BaseModel):
    seconds: int = Field(600, ge=1, le=604_800, description="How far back")


@blueprint.get("/nodes")
@describe("Every known node, offline ones included", answers={200: schemas.NodeList}, problems=(503,))
def list_nodes() -> ResponseReturnValue:
    return {"items": context.cluster().nodes(), "next": None}


@blueprint.get("/nodes/<node:node_id>")
@describe("One node", answers={200: schemas.Node}, problems=(404, 503))
def get_node(node_id: str) -> ResponseReturnValue:
    return context.cluster().node(node_id)


@blueprint.delete("/nodes/<node:node_id>")
@describe("Forget an offline node", answers={204: None}, problems=(404, 409, 503))
def forget_node(node_id: str) -> ResponseReturnValue:
    context.cluster().forget_node(node_id)
    return Response(status=204)


@blueprint.get("/nodes/<node:node_id>/history")
@describe(
    "A node's recent samples, oldest first",
    query=HistoryQuery,
    answers={200: schemas.History},
    problems=(400, 404, 503),
)
def get_history(node_id: str) -> ResponseReturnValue:
    samples = context.cluster().node_history(node_id, query(HistoryQuery).seconds)
    return {"items": samples, "next": None}


@blueprint.post("/nodes/<node:node_id>/pause")
@describe("No new work for this node", answers={200: schemas.Node}, problems=(404, 409, 503))
def pause(node_id: str) -> ResponseReturnValue:
    return context.cluster().set_node_mode(node_id, "paused")


@blueprint.post("/nodes/<node:node_id>/resume")
@describe("Work again for this node", answers={200: schemas.Node}, problems=(404, 409, 503))
def resume(node_id: str) -> ResponseReturnValue:
    return context.cluster().set_node_mode(node_id, "active")


@blueprint.post("/nodes/<node:node_id>/drain")
@describe(
    "No new work, and what waits there goes back; running images finish",
    answers={200: schemas.Node},
    problems=(404, 409, 503),
)
def drain(node_id: str) -> ResponseReturnValue:
    return context.cluster().set_node_mode(node_id, "draining")
