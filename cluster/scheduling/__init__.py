"""Where each job runs: pure functions. No clock, no I/O, no global random; time and chance are arguments."""

from cluster.scheduling.decide import decide
from cluster.scheduling.decision import HOLD, Candidate, Decision
from cluster.scheduling.events import reduce
from cluster.scheduling.planning import is_open, order, plan, take
from cluster.scheduling.policies import ADAPTIVE, DEFAULT_POLICY, FIXED, POLICIES, Policy
from cluster.scheduling.state import Job, Node, State, Weights, has_room, slots_of

__all__ = [
    "ADAPTIVE",
    "DEFAULT_POLICY",
    "FIXED",
    "HOLD",
    "POLICIES",
    "Candidate",
    "Decision",
    "Job",
    "Node",
    "Policy",
    "State",
    "Weights",
    "decide",
    "has_room",
    "is_open",
    "order",
    "plan",
    "reduce",
    "slots_of",
    "take",
]
