"""The scheduling policy, switched while the cluster runs."""

from __future__ import annotations

from flask import Blueprint
from flask.typing import ResponseReturnValue
from pydantic import BaseModel

from cluster.errors import UnknownPolicy
from webapp import context, schemas
from webapp.describe import JSON, describe
from webapp.parsing import json_body
from webapp.problems import Problem

blueprint = Blueprint("policy", __name__)


class PolicyChange(BaseModel):
    policy: str


@blueprint.get("/policy")
@describe("The policy in force, and those there are", answers={200: schemas.Policy}, problems=(503,))
def get_policy() -> ResponseReturnValue:
    return context.cluster().policy()


@blueprint.put("/policy")
@describe(
    "Switch the policy",
    body={JSON: PolicyChange},
    answers={200: schemas.Policy},
    problems=(400, 415, 422, 503),
)
def set_policy() -> ResponseReturnValue:
    name = json_body(PolicyChange).policy
    try:
        return context.cluster().set_policy(name)
    except UnknownPolicy as error:
        # The address is right, so this is no 404.
        raise Problem(422, "unknown-policy", error.detail) from error
