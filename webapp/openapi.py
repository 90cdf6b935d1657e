"""The OpenAPI 3.1 document, made of the routes themselves and what `@describe` says beside each.

A route without a description is an error at the first request for the document, and a failed test before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

from flask import Blueprint, Flask, current_app
from flask.typing import ResponseReturnValue
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from werkzeug.http import HTTP_STATUS_CODES
from werkzeug.routing import Rule

from cluster.version import __version__
from webapp import auth, problems, schemas
from webapp.describe import JSON, Media, Operation, Schema, describe

REFERENCE = "#/components/schemas/{model}"
PATH_PARAMETERS = {
    "job_id": "The job's id",
    "batch_id": "The batch's id",
    "node_id": "The node's name",
    "sha256": "SHA-256 of the content, in hexadecimal",
    "path": "Path of a file of the page",
}
INTRODUCTION = (
    "Images through pipelines of filters, on the PCs of a cluster. Every error is a problem document (RFC "
    "9457). Times are epoch seconds, usages percent. The original report's routes keep its own shapes."
)

blueprint = Blueprint("openapi", __name__)


@blueprint.get("/openapi.json")
@describe(
    "This document",
    answers={200: {"type": "object", "required": ["openapi", "info", "paths"]}},
)
def get_openapi() -> ResponseReturnValue:
    return document(current_app)


def operations(app: Flask) -> Iterator[tuple[str, str, Rule, Operation]]:
    """(path as OpenAPI writes it, method, rule, description) of every route."""
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        operation = getattr(view, "__operation__", None)
        if operation is None:
            raise LookupError(f"the route {rule.rule} ({rule.endpoint}) has no @describe")
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield path_of(rule), method.lower(), rule, cast(Operation, operation)


def path_of(rule: Rule) -> str:
    return re.sub(r"<(?:[^:>]+:)?([^>]+)>", r"{\1}", rule.rule)


def document(app: Flask) -> dict[str, Any]:
    models: dict[type[BaseModel], None] = {schemas.Problem: None}
    paths: dict[str, dict[str, Any]] = {}
    for path, method, rule, operation in operations(app):
        for schema in (*operation.answers.values(), *operation.body.values()):
            if isinstance(schema, type):
                models[schema] = None
        paths.setdefault(path, {})[method] = _operation(method, rule, operation)
    _, definitions = models_json_schema(
        [(model, "serialization" if model.__module__ == schemas.__name__ else "validation") for model in models],
        ref_template=REFERENCE,
    )
    return {
        "openapi": "3.1.0",
        "info": {"title": "Cúmulo", "version": __version__, "description": INTRODUCTION},
        "paths": paths,
        "components": {
            "schemas": definitions["$defs"],
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "The access token"},
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": app.config["SESSION_COOKIE_NAME"],
                    "description": "Set by a login; changes need a same-origin Origin or Sec-Fetch-Site",
                },
                "node": {"type": "http", "scheme": "bearer", "description": "The node token"},
            },
        },
        "security": [{"token": []}, {"session": []}],
    }


def _operation(method: str, rule: Rule, operation: Operation) -> dict[str, Any]:
    blueprint_name = rule.endpoint.partition(".")[0]
    entry: dict[str, Any] = {
        "operationId": rule.endpoint.replace(".", "_"),
        "tags": [blueprint_name],
        "summary": operation.summary,
    }
    if operation.description:
        entry["description"] = operation.description
    parameters = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": PATH_PARAMETERS[name],
            "schema": {"type": "string"},
        }
        for name in sorted(rule.arguments)
    ]
    if operation.query is not None:
        parameters += list(_query(operation.query))
    if parameters:
        entry["parameters"] = parameters
    if operation.body:
        content = {media: {"schema": _schema(schema)} for media, schema in operation.body.items()}
        entry["requestBody"] = {"required": True, "content": content}
    is_open = rule.endpoint in auth.OPEN_ENDPOINTS
    if is_open:
        entry["security"] = []
    elif blueprint_name == auth.NODE_BLUEPRINT:
        entry["security"] = [{"node": []}]
    statuses = set(operation.problems)
    if not is_open:
        statuses.add(401)
        if method.upper() not in auth.SAFE_METHODS:
            statuses.add(403)
            if 503 in statuses:
                statuses.add(507)  # Redis answers, and has no memory for what is written
    if operation.body:
        statuses.add(413)
    responses = {status: _answer(status, schema) for status, schema in operation.answers.items()}
    for status in statuses:
        known = responses.setdefault(status, {"description": HTTP_STATUS_CODES[status]})
        known.setdefault("content", {})[problems.MEDIA_TYPE] = {"schema": _schema(schemas.Problem)}
    entry["responses"] = {str(status): responses[status] for status in sorted(responses)}
    entry["responses"]["default"] = {
        "description": "Any other error",
        "content": {problems.MEDIA_TYPE: {"schema": _schema(schemas.Problem)}},
    }
    return entry


def _answer(status: int, schema: Schema | Media | None) -> dict[str, Any]:
    description = HTTP_STATUS_CODES[status]
    if schema is None:
        return {"description": description}
    if isinstance(schema, Media):
        return {"description": schema.description, "content": {schema.type: {"schema": schema.schema}}}
    return {"description": description, "content": {JSON: {"schema": _schema(schema)}}}


def _schema(schema: Schema) -> Mapping[str, Any]:
    return {"$ref": REFERENCE.format(model=schema.__name__)} if isinstance(schema, type) else schema


def _query(model: type[BaseModel]) -> Iterator[dict[str, Any]]:
    schema = model.model_json_schema(ref_template=REFERENCE)
    for name, field in schema["properties"].items():
        described = {key: value for key, value in field.items() if key not in ("title", "description")}
        yield {
            "name": name,
            "in": "query",
            "required": name in schema.get("required", ()),
            "description": field.get("description", ""),
            "schema": described,
        }
