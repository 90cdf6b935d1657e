"""What the troubles of Redis mean, who waits for how long, and that each is said once."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator

import pytest
import redis
from redis import exceptions

from cluster import connection
from cluster.connection import Scripts, connect, unavailable
from cluster.errors import AccessRefused, ClusterFull, ClusterUnavailable
from cluster.ledger import Ledger
from cluster.nodes import Nodes
from cluster.outage import CALM, Outage
from cluster.quiet import without_redis_troubles
from tests.cluster.ledgers import add_node, done, start, states, submit
from tests.servers import PASSWORD, running_valkey, unused_port


@pytest.fixture(scope="module")
def own_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that these tests may break."""
    with running_valkey(tmp_path_factory.mktemp("broken")) as url:
        yield url


@pytest.fixture
def own(own_url: str) -> Iterator[redis.Redis]:
    client = connect(own_url)
    client.flushall()
    yield client
    client.config_set("maxmemory", 0)
    client.execute_command("REPLICAOF", "NO", "ONE")
    client.close()


def fill(server: redis.Redis) -> None:
    server.config_set("maxmemory", "1mb")


def make_replica(server: redis.Redis) -> None:
    server.execute_command("REPLICAOF", "127.0.0.1", str(unused_port()))


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (exceptions.ConnectionError("Error 111"), ClusterUnavailable, "does not answer: Error 111"),
        (exceptions.TimeoutError("Timeout reading"), ClusterUnavailable, "does not answer: Timeout"),
        (exceptions.BusyLoadingError("loading", status_code="LOADING"), ClusterUnavailable, "reading its data"),
        (exceptions.ResponseError("MISCONF Redis is configured to save"), ClusterUnavailable, "free space on its disk"),
        (exceptions.ResponseError("UNBLOCKED force unblock"), ClusterUnavailable, "become a replica"),
        (exceptions.ResponseError("BUSY Redis is busy running a script"), ClusterUnavailable, "somebody's script"),
        (
            exceptions.ResponseError("Command # 1 (SET a 1) of pipeline caused error: MISCONF Redis is configured"),
            ClusterUnavailable,
            "free space on its disk",
        ),
        (exceptions.AuthenticationError("WRONGPASS"), AccessRefused, "CUMULO_REDIS_URL"),
        (
            exceptions.ResponseError(
                "ERR Error running script (call to f_1): @user_script:1: @user_script: 1: "
                "-OOM command not allowed when used memory > 'maxmemory'."
            ),
            ClusterFull,
            "raise its maxmemory",
        ),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else None,
)
def test_every_trouble_says_what_is_wrong_and_what_to_do(
    error: Exception, kind: type[ClusterUnavailable], words: str
) -> None:
    found = unavailable(error)
    assert type(found) is kind
    assert words in found.detail


@pytest.mark.parametrize(
    "error",
    [exceptions.ResponseError("WRONGTYPE Operation against a key"), exceptions.NoScriptError("No matching script")],
    ids=str,
)
def test_a_fault_of_one_command_is_no_trouble_with_redis(error: Exception) -> None:
    assert unavailable(error) is None


def test_a_wrong_password_is_told_at_once(own_url: str) -> None:
    for wrong in (own_url.replace(PASSWORD, "wrong"), own_url.replace(f":{PASSWORD}@", "")):
        with pytest.raises(AccessRefused, match="refuses the password"), connection.reported():
            connect(wrong).ping()


def test_a_user_without_rights_is_told_so(own: redis.Redis, own_url: str) -> None:
    own.acl_setuser("reader", enabled=True, passwords=["+word"], categories=["+@read"], keys=["*"])
    client = connect(own_url.replace(f":{PASSWORD}@", "reader:word@"))
    with pytest.raises(AccessRefused, match="does not let this user in"):
        Scripts(client).run("lead", "somebody", 1000)
    client.close()


@pytest.mark.parametrize("trouble", [fill, make_replica], ids=["out of memory", "read-only"])
def test_refused_writes_change_nothing_and_go_through_later(own: redis.Redis, trouble: object) -> None:
    ledger, nodes = Ledger(own, Scripts(own)), Nodes(own, Scripts(own))
    add_node(nodes, "pc-1")
    [job] = submit(ledger)
    message, [order] = start(ledger, "pc-1", job)
    before = own.hgetall(f"job:{job}"), own.lrange(f"job:{job}:timeline", 0, -1), own.xlen("events")
    trouble(own)  # type: ignore[operator]
    with pytest.raises(ClusterUnavailable):
        submit(ledger)
    with pytest.raises(ClusterUnavailable):
        ledger.commit("pc-1", message.lease, [done(order)])
    assert (own.hgetall(f"job:{job}"), own.lrange(f"job:{job}:timeline", 0, -1), own.xlen("events")) == before
    assert states(ledger, [job]) == ["running"], "what is read is answered"
    own.config_set("maxmemory", 0)
    own.execute_command("REPLICAOF", "NO", "ONE")
    ledger.commit("pc-1", message.lease, [done(order)])
    assert states(ledger, [job]) == ["done"]


def test_a_script_is_never_cut_off_in_its_middle(own: redis.Redis) -> None:
    """One that begins with a write that needs no memory is let through to its end."""
    ledger, nodes = Ledger(own, Scripts(own)), Nodes(own, Scripts(own))
    add_node(nodes, "pc-1")
    [job] = submit(ledger)
    start(ledger, "pc-1", job)
    fill(own)
    ledger.cancel(job)
    view = ledger.job(job)
    assert (view["state"], ledger.counts()["cancelled"], ledger.counts()["running"]) == ("cancelled", 1, 0)
    assert ledger.batch(view["batch"])["state"] == "finished"
    assert ledger.timeline(job)[-1]["event"] == "cancelled"


@pytest.mark.parametrize("trouble", [fill, make_replica], ids=["out of memory", "read-only"])
def test_who_holds_finished_work_waits_until_redis_takes_it(own: redis.Redis, own_url: str, trouble: object) -> None:
    nodes = Nodes(own, Scripts(own))
    add_node(nodes, "pc-1")
    patient = connect(own_url, patient=True)
    ledger = Ledger(patient, Scripts(patient))
    [job] = submit(ledger)
    message, [order] = start(ledger, "pc-1", job)
    trouble(own)  # type: ignore[operator]
    committing = threading.Thread(target=ledger.commit, args=("pc-1", message.lease, [done(order)]))
    committing.start()
    committing.join(1.5)
    assert committing.is_alive(), "longer than anybody else would try"
    own.config_set("maxmemory", 0)
    own.execute_command("REPLICAOF", "NO", "ONE")
    committing.join(20)
    assert not committing.is_alive()
    assert states(ledger, [job]) == ["done"]
    assert [event["state"] for _, event in own.xrange("events") if event.get("job") == job].count("done") == 1
    patient.close()


def test_patience_has_an_end_however_deep_the_client_nests_its_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "PATIENT_SECONDS", 1.0)
    client = connect(f"redis://127.0.0.1:{unused_port()}/0", patient=True)
    attempts: list[float] = []
    monkeypatch.setattr(time, "sleep", lambda seconds: attempts.append(seconds) or threading.Event().wait(seconds))
    with pytest.raises(ClusterUnavailable), connection.reported():
        client.get("anything")
    assert 3 < len(attempts) < 20, "one series of attempts, not one within another"


def test_a_full_server_is_not_asked_again_by_who_can_tell_the_caller(own: redis.Redis) -> None:
    fill(own)
    calls = own.info("commandstats").get("cmdstat_set", {}).get("calls", 0)
    with pytest.raises(ClusterFull), connection.reported():
        own.set("anything", 1)
    assert own.info("commandstats")["cmdstat_set"]["rejected_calls"] == 1
    assert own.info("commandstats").get("cmdstat_set", {}).get("calls", 0) == calls


def test_an_outage_is_said_once_and_so_is_its_end(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    outage = Outage()
    outage.speak()
    for second in range(8):
        now[0] = float(second)
        outage.failed("Redis is out of memory")
        outage.answered()  # reads are answered all the time
    assert caplog.messages == ["waiting: Redis is out of memory"]
    now[0] += CALM + 1
    outage.answered()
    outage.answered()
    assert caplog.messages[1:] == ["Redis is back after 11 s"]
    outage.failed("Broken pipe")
    outage.answered(sure=True)
    assert not caplog.messages[2:], "a connection that the outage had left broken"
    now[0] += CALM
    outage.failed("Redis does not answer")
    outage.answered(sure=True)
    assert caplog.messages[2:] == ["waiting: Redis does not answer", "Redis is back after 0 s"]


def test_a_command_that_ends_with_the_error_logs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    outage = Outage()
    outage.failed("Redis does not answer")
    outage.answered(sure=True)
    assert not caplog.messages


def _record(name: str, *args: object, error: BaseException | None = None) -> logging.LogRecord:
    exc_info = (type(error), error, None) if error else None
    return logging.LogRecord(name, logging.ERROR, "", 0, "%s" * len(args), args, exc_info)


def test_celery_s_own_lines_about_redis_are_left_out_and_no_others() -> None:
    away = exceptions.ConnectionError("Error 111")
    wrapped = RuntimeError("Couldn't apply scheduled task")
    wrapped.__cause__ = away
    for left_out in (
        _record("celery.worker.consumer.consumer", "redis://", away, "Trying again"),
        _record("celery.beat", wrapped, ["a stack"]),
        _record("celery.app.trace", error=ClusterUnavailable("Redis does not answer")),
    ):
        assert not without_redis_troubles(left_out)
    for kept in (
        _record("celery.app.trace", error=ValueError("a defect")),
        _record("celery.worker", "ready"),
        _record("cluster.chores", error=away),
    ):
        assert without_redis_troubles(kept)
