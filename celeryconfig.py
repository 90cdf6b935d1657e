"""Celery's settings, each with its reason. Celery loads this late, so reading the environment here is fine."""

from cluster import keys
from cluster.router import route_job
from cluster.settings import load_settings

_settings = load_settings()

broker_url = _settings.celery_url
result_backend = _settings.celery_results  # Celery's own, but it waits where Redis takes no writes
include = ["cluster.tasks"]

# -- messages: JSON only (a pickle from a stranger is code), gone when nobody fetched the answer
accept_content = ["json"]
task_serializer = "json"
result_serializer = "json"
result_expires = 3600  # seconds; answers only count jobs, the ledger keeps the results
result_backend_always_retry = True  # a lost connection must not lose the acknowledgement of finished work

# -- where things go
task_routes = (route_job,)  # the custom router: the least-CPU node's queue
task_default_queue = keys.queue(_settings.node)  # so a plain `celery -A cluster worker` serves its own node

# -- delivery: the ledger decides what is current, Celery only has to deliver at least once
task_acks_late = True  # a message lives until its work is committed
task_reject_on_worker_lost = False  # redelivery without bound feeds a poison image for ever; the ledger counts instead
worker_prefetch_multiplier = 1  # a node holds what it works on; what waits stays where others can see it
worker_cancel_long_running_tasks_on_connection_loss = False  # True left running jobs `running` for good (measured)
visibility_timeout = 3600  # lost messages are rescued by the ledger within seconds; this must never be the first
broker_transport_options = {
    **_settings.celery_options,  # what Sentinels must be asked for
    "visibility_timeout": visibility_timeout,
    "socket_timeout": 10,  # the default is none: a silent network would hang a worker for ever
    "socket_connect_timeout": 5,
    "socket_keepalive": True,
    "health_check_interval": 15,
}
result_backend_transport_options = {**_settings.celery_options, "visibility_timeout": visibility_timeout}
redis_socket_timeout = 10
redis_socket_connect_timeout = 5
redis_socket_keepalive = True
redis_backend_health_check_interval = 15

# -- connections: wait for Redis instead of giving up
broker_connection_retry_on_startup = True
broker_connection_max_retries = None
broker_channel_error_retry = True  # False ended the worker where Redis was out of memory or read-only (measured)
result_backend_max_sleep_between_retries_ms = 1000
worker_consumer = "cluster.consumer:Consumer"  # tries every second, and says once what it waits for
broker_pool_limit = 10  # below 10 Flower starts and sees no tasks (measured)

# -- processes
worker_concurrency = _settings.concurrency or None  # None: as many as the cores that the process may use
worker_send_task_events = True  # for Flower; messages are leases of about 500 ms, so this costs little
worker_hijack_root_logger = True
worker_max_memory_per_child = 1_500_000  # KiB; Pillow's heap can stay fragmented after very large images
worker_enable_remote_control = True  # Flower shows pools and queues by it
broker_heartbeat = 0  # Redis has none
event_queue_expires = 60.0  # seconds; queues of a Flower that is gone

# -- the monitor's clock: one entry per chore, into this PC's own queue
_to_monitor = {"queue": keys.monitor_queue(_settings.node), "expires": _settings.sample_interval}
beat_schedule = {
    "sample-node": {
        "task": "cluster.tasks.sample_node",
        "schedule": _settings.sample_interval,
        "options": _to_monitor,  # a sample that waited for a whole interval is worth nothing
    },
    "tend-cluster": {
        "task": "cluster.tasks.tend_cluster",
        "schedule": 1.0,
        "options": {"queue": keys.monitor_queue(_settings.node), "expires": 1.0},
    },
}
