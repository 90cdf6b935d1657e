"""The OpenAPI document lists every route and nothing else; that answers fit it, `CheckedClient` sees to everywhere."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator

from webapp import openapi


def test_every_route_is_in_the_document_and_nothing_else(app: Flask, client: FlaskClient) -> None:
    paths = client.get("/api/v1/openapi.json").get_json()["paths"]
    described = {(path, method.upper()) for path, methods in paths.items() for method in methods}
    routed = {
        (re.sub(r"<(?:[^:>]+:)?([^>]+)>", r"{\1}", rule.rule), method)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert described == routed
    assert ("/api/v1/jobs", "POST") in described
    assert ("/internal/blobs/{sha256}", "PUT") in described


def test_a_route_without_a_description_is_an_error(app: Flask) -> None:
    app.view_functions["health.healthz"] = lambda: "ok"
    with pytest.raises(LookupError, match="/healthz"):
        openapi.document(app)


def test_it_is_valid_where_it_can_be_checked(client: FlaskClient) -> None:
    document = client.get("/api/v1/openapi.json").get_json()
    assert document["openapi"].startswith("3.1")
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    known = set(document["components"]["schemas"])
    references = set(re.findall(r"#/components/schemas/(\w+)", str(document)))
    assert references <= known
    ids: list[Any] = [
        operation["operationId"] for methods in document["paths"].values() for operation in methods.values()
    ]
    assert len(ids) == len(set(ids))


def test_path_parameters_are_declared(client: FlaskClient) -> None:
    for path, methods in client.get("/api/v1/openapi.json").get_json()["paths"].items():
        for operation in methods.values():
            declared = {one["name"] for one in operation.get("parameters", ()) if one["in"] == "path"}
            assert declared == set(re.findall(r"{(\w+)}", path))


def test_what_is_open_and_what_is_for_nodes_says_so(client: FlaskClient) -> None:
    paths = client.get("/api/v1/openapi.json").get_json()["paths"]
    unlocked = {path for path, methods in paths.items() for one in methods.values() if one.get("security") == []}
    assert unlocked == {"/healthz", "/readyz", "/api/v1/session"}
    assert paths["/internal/blobs/{sha256}"]["get"]["security"] == [{"node": []}]
    assert "401" in paths["/task"]["post"]["responses"]


def test_query_parameters_come_from_the_code(client: FlaskClient) -> None:
    operation = client.get("/api/v1/openapi.json").get_json()["paths"]["/api/v1/jobs"]["get"]
    parameters = {one["name"]: one for one in operation["parameters"]}
    assert set(parameters) == {"state", "node", "filter", "q", "since", "until", "cursor", "limit"}
    assert parameters["limit"]["schema"] == {"type": "integer", "default": 50, "minimum": 1, "maximum": 500}
