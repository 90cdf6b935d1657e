"""The scheduling policy, switched while the cluster runs."""

from __future__ import annotations

from flask import Blueprint
from flask.typing import ResponseReturnValue
from pydantic import BaseModel, Field

from cluster.errors import BadWeights, UnknownPolicy
from webapp import context, schemas
from webapp.describe import JSON, describe
from webapp.parsing import json_body
from webapp.problems import Problem

blueprint = Blueprint("policy", __name__)


class PolicyChange(BaseModel):
    policy: str
    weights: dict[str, float] | None = Field(
        default=None,
        description="cpu, memory, network, disk: numbers from 0 to 1000000, not all 0; "
        "those that are left out stay as they are",
    )


@blueprint.get("/policy")
@describe("The policy in force, those there are, and the weights", answers={200: schemas.Policy}, problems=(503,))
def get_policy() -> ResponseReturnValue:
    return context.cluster().policy()


@blueprint.put("/policy")
@describe(
    "Switch the policy, or set the weights",
    body={JSON: PolicyChange},
    answers={200: schemas.Policy},
    problems=(400, 415, 422, 503),
)
def set_policy() -> ResponseReturnValue:
    change = json_body(PolicyChange)
    try:
        return context.cluster().set_policy(change.policy, change.weights)
    except UnknownPolicy as error:
        # The address is right, so this is no 404.
        raise Problem(422, "unknown-policy", error.detail) from error
    except BadWeights as error:
        raise Problem(422, "bad-weights", error.detail) from error
