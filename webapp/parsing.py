"""Queries and JSON bodies, checked against a model, with problems that say what is allowed."""

from __future__ import annotations

from typing import TypeVar

from flask import request
from pydantic import BaseModel, ValidationError
from werkzeug.exceptions import BadRequest

from webapp.describe import JSON
from webapp.problems import Problem

M = TypeVar("M", bound=BaseModel)


def query(model: type[M]) -> M:
    """The query's parameters; those that the model does not know are left alone."""
    try:
        return model.model_validate(request.args.to_dict())
    except ValidationError as error:
        raise Problem(400, "invalid-query", _explain(error)) from None


def json_object() -> dict[str, object]:
    """The JSON object in the body. Problem 415, 400 or 422 where there is none."""
    if not request.is_json:
        given = request.mimetype or "no content type"
        raise Problem(415, "not-json", f"Send a JSON object with `Content-Type: {JSON}`; got {given}.")
    try:
        data = request.get_json()
    except BadRequest:
        raise Problem(400, "invalid-json", f"The body is not valid JSON: {_json_error()}.") from None
    if not isinstance(data, dict):
        raise Problem(422, "invalid-body", f"Send a JSON object; got {type(data).__name__}.")
    return data


def json_body(model: type[M]) -> M:
    try:
        return model.model_validate(json_object())
    except ValidationError as error:
        raise Problem(422, "invalid-body", _explain(error)) from None


def _json_error() -> str:
    import json

    try:
        json.loads(request.get_data())
    except ValueError as error:
        return str(error)
    return "it cannot be read"


def _explain(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    name = ".".join(map(str, first["loc"]))
    message = first["msg"].removeprefix("Value error, ")
    return f"`{name}`: {message[:1].lower()}{message[1:]}." if name else f"{message}."
