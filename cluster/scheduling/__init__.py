"""Where each job runs: pure functions. No clock, no I/O, no global random; time and chance are arguments."""

from cluster.scheduling.policies import DEFAULT_POLICY, POLICIES, Policy, decide
from cluster.scheduling.state import (
    HOLD,
    Candidate,
    Decision,
    Job,
    Node,
    State,
    has_room,
    slots_of,
)

__all__ = [
    "DEFAULT_POLICY",
    "HOLD",
    "POLICIES",
    "Candidate",
    "Decision",
    "Job",
    "Node",
    "Policy",
    "State",
    "decide",
    "has_room",
    "slots_of",
]
