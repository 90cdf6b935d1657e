"""Every Redis key that Cúmulo owns, in one place. `docs/architecture.md` lists them for people.

The Lua scripts in `cluster/lua` spell the same names; a test compares the two.
"""

from __future__ import annotations

ACTIVE = "workers:active"  # set: nodes that are not known to be offline (the report's name)
KNOWN = "workers:known"  # set: every node not forgotten
CHANGED = "workers:changed"  # zset: node -> version of its last change that policies see
VERSION = "workers:version"  # counter: those changes
BACKLOG = "backlog"  # zset: jobs bound to no node; score = lane and priority, then a fair share's turn
SHARES = "backlog:shares"  # hash: batch -> where in the backlog its next job would stand
SINCE = "backlog:since"  # string: since when jobs have been waiting without a break, epoch seconds
CLOCK = "backlog:clock"  # hash: class of ranks -> how far it has got
TRACE = "trace"  # stream: what was done where and at which cost, and how the nodes were, capped
TRACE_NODES = "trace:nodes"  # list: which entries of the trace say how the nodes were, newest first, capped
SEQUENCE = "jobs:sequence"  # counter: order of arrival
ALL_JOBS = "jobs:all"  # zset: every job by order of arrival
ENDED = "jobs:finished"  # zset: finished jobs by time of finishing
NAMES = "jobs:names"  # zset in the order of its members: file name in lower case, a zero byte, order of arrival
SUBMITTERS = "submitters"  # hash: submitter -> unfinished jobs
BLOB_BYTES = "blobs:bytes"  # counter: bytes of the stored images that some job uses
UNUSED = "blobs:unused"  # zset: stored images that no job uses any more, by time, until they are removed
EVENTS = "events"  # stream: every change, capped
POLICY = "policy"  # string: name of the scheduling policy
WEIGHTS = "policy:weights"  # string: what `weighted` weighs, JSON
ADAPTED = "policy:adapted"  # string: the policy that `adaptive` follows
ADAPTATION = "policy:history"  # string: what its last evaluation left for the next, JSON
BINDINGS = "bindings"  # counter: messages bound so far (round-robin's turn)
LEADER = "leader"  # string, 2 s: the monitor that does the chores
COSTS = "costs"  # string: what was learned from them, JSON
CLUSTER = "cluster"  # hash: where the web app and its store are, the node token

JOB_STATES = ("queued", "assigned", "running", "done", "failed", "cancelled", "quarantined")
FINISHED = frozenset({"done", "failed", "cancelled", "quarantined"})


def worker(node: str) -> str:
    """hash: the last sample and the registration of a node, under the report's field names."""
    return f"worker:{node}"


def history(node: str) -> str:
    """list: samples of the last 10 minutes, newest first."""
    return f"worker:{node}:history"


def node_jobs(node: str) -> str:
    """hash: job id -> lease id, the jobs bound to this node."""
    return f"worker:{node}:jobs"


def waiting(node: str) -> str:
    """zset: leases sent to this node and not yet claimed, by time of binding."""
    return f"worker:{node}:waiting"


def running(node: str) -> str:
    """zset: leases that a process of this node works on, by time of claim."""
    return f"worker:{node}:running"


def alive(node: str) -> str:
    """string, 3 s: the image worker's main process that lives and holds the node's name."""
    return f"worker:{node}:alive"


def lease(lease_id: str) -> str:
    """set, 1 day: the jobs bound under this lease and not finished."""
    return f"lease:{lease_id}"


def job(job_id: str) -> str:
    """hash: the job record."""
    return f"job:{job_id}"


def timeline(job_id: str) -> str:
    """list: what happened to the job, JSON, oldest first."""
    return f"job:{job_id}:timeline"


def state(name: str) -> str:
    """zset: jobs in this state by order of arrival."""
    return f"jobs:{name}"


def of_node(node: str) -> str:
    """zset: jobs whose record names this node, by order of arrival."""
    return f"jobs:node:{node}"


def with_filter(name: str) -> str:
    """zset: jobs with this filter in their pipeline, by order of arrival."""
    return f"jobs:filter:{name}"


def blob(sha256: str) -> str:
    """hash: how many images of jobs are this stored one (`refs`), and its size (`bytes`)."""
    return f"blob:{sha256}"


def batch(batch_id: str) -> str:
    """hash: total, counts by state, pipeline and output."""
    return f"batch:{batch_id}"


def batch_jobs(batch_id: str) -> str:
    """list: job ids in order of submission."""
    return f"batch:{batch_id}:jobs"


def batch_finished(batch_id: str) -> str:
    """zset: job ids by order of finishing."""
    return f"batch:{batch_id}:finished"


def done_bucket(ten_seconds: int) -> str:
    """counter, 10 min: images done in these ten seconds."""
    return f"stats:done:{ten_seconds}"


def queue(node: str) -> str:
    """list that Celery owns: the node's message queue."""
    return f"node.{node}"


def bindings(node: str) -> str:
    """set that Celery owns: that the queue is there."""
    return f"_kombu.binding.node.{node}"


def permanent_bindings(node: str) -> str:
    """set that Celery owns, like `bindings`."""
    return f"_kombu.binding_permanent.node.{node}"


def monitor_queue(node: str) -> str:
    """list that Celery owns: the queue of a PC's monitor."""
    return f"monitor.{node}"
