"""Settings: one clear line for what is wrong, secrets from files, and no surprise."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster.errors import SettingsError
from cluster.settings import environment, host_name, load_settings, valid_node_name


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("CUMULO_REDIS_URL", "http://localhost:6379", "must begin with redis://, rediss://, unix:// or sentinel://"),
        ("CUMULO_REDIS_URL", "localhost:6379", "must begin with redis://"),
        ("CUMULO_REDIS_URL", "sentinel://host:26379", "NAME being the primary's"),
        ("CUMULO_REDIS_URL", "sentinel:///mymaster", "must look like sentinel://"),
        ("CUMULO_REDIS_URL", "sentinel://host:many/mymaster", "must look like sentinel://"),
        ("CUMULO_REDIS_URL", "sentinel://host/mymaster?dB=1", "must look like sentinel://"),
        ("CUMULO_CONCURRENCY", "many", "valid integer"),
        ("CUMULO_CONCURRENCY", "-1", "greater than or equal to 0"),
        ("CUMULO_SAMPLE_INTERVAL", "0", "greater than or equal to 0.2"),
        ("CUMULO_SAMPLE_INTERVAL", "nan", "less than or equal to 60"),
        ("CUMULO_MAX_BACKLOG", "0", "greater than or equal to 1"),
        ("CUMULO_MAX_JOBS_PER_SUBMITTER", "-1", "greater than or equal to 0"),
        ("CUMULO_KEEP_DAYS", "-0.5", "greater than or equal to 0"),
        ("CUMULO_KEEP_DAYS", "nan", "finite number"),
        ("CUMULO_KEEP_UNUSED", "0", "greater than or equal to 1"),
        ("CUMULO_NODE", "../etc", "is no node name"),
        ("CUMULO_NODE", "", "is no node name"),
        ("CUMULO_NODE", "x" * 64, "at most 63"),
        ("CUMULO_NODES", "pc-1,a b", "'a b' is no node name"),
    ],
)
def test_a_wrong_setting_is_one_line_that_names_it(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, words: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert caught.value.detail.startswith(f"{variable}: ")
    assert words in caught.value.detail
    assert "\n" not in caught.value.detail
    assert "Value error" not in caught.value.detail


def test_without_any_setting_everything_has_a_default() -> None:
    settings = load_settings()
    assert settings.redis_url == "redis://127.0.0.1:6379/0"
    assert settings.node == host_name()
    assert settings.monitored == (host_name(),)
    assert settings.token.get_secret_value() == ""


def test_arguments_win_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUMULO_NODE", "pc-env")
    assert load_settings().node == "pc-env"
    assert load_settings(node="pc-argument").node == "pc-argument"


def test_a_secret_can_come_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-a-file\n")
    monkeypatch.setenv("CUMULO_TOKEN_FILE", str(tmp_path / "token"))
    assert load_settings().token.get_secret_value() == "from-a-file"
    monkeypatch.setenv("CUMULO_TOKEN", "from-the-environment")
    assert load_settings().token.get_secret_value() == "from-the-environment"


def test_a_secret_file_that_cannot_be_read_stops_the_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CUMULO_TOKEN_FILE", str(tmp_path / "missing"))
    with pytest.raises(SettingsError, match=r"CUMULO_TOKEN_FILE: cannot read .*missing: No such file"):
        load_settings()
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    monkeypatch.setenv("CUMULO_TOKEN_FILE", str(tmp_path / "binary"))
    with pytest.raises(SettingsError, match=r"CUMULO_TOKEN_FILE: cannot read .*binary: it is no text"):
        load_settings()


def test_secrets_do_not_show_when_settings_are_printed() -> None:
    settings = load_settings(token="hush", flower_password="whisper", redis_url="redis://:sesame@localhost/0")
    for text in (repr(settings), str(settings)):
        for secret in ("hush", "whisper", "sesame"):
            assert secret not in text


def test_a_monitor_watches_its_own_node_or_those_that_are_named() -> None:
    assert load_settings(node="pc").monitored == ("pc",)
    assert load_settings(node="pc", nodes="pc-1,pc-2").monitored == ("pc-1", "pc-2")


@pytest.mark.parametrize(
    ("url", "celery"),
    [
        ("redis://:p@host:6379/1", "redis://:p@host:6379/1"),
        ("rediss://host/0", "rediss://host/0"),
        ("unix:///run/redis.sock", "redis+socket:///run/redis.sock"),
        ("unix://:p@/run/redis.sock?db=2", "redis+socket://:p@/run/redis.sock?virtual_host=2"),
    ],
)
def test_celery_gets_the_same_server_in_its_own_notation(url: str, celery: str) -> None:
    assert load_settings(redis_url=url).celery_url == celery


def test_a_child_process_gets_its_settings_by_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    given = environment(node="pc-1", concurrency=2, data=Path("/somewhere"))
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert (settings.node, settings.concurrency, settings.data) == ("pc-1", 2, Path("/somewhere"))


def test_this_pc_has_a_name_that_a_node_can_have(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PC de Kevin.local", "señor-pc", "...", "-a-", "x" * 63):
        monkeypatch.setattr("socket.gethostname", lambda name=name: name)
        assert valid_node_name(host_name())


def test_sentinels_in_the_notation_of_celery() -> None:
    settings = load_settings(redis_url="sentinel://:p%40ss@one:26380,two,[::1]:7/mymaster?db=2&sentinel_password=word")
    assert settings.celery_url == (
        "sentinel://:p%40ss@one:26380/2;sentinel://:p%40ss@two:26379/2;sentinel://:p%40ss@[::1]:7/2"
    )
    assert settings.celery_results == f"cluster.results:SentinelResults+{settings.celery_url}"
    assert settings.celery_options["master_name"] == "mymaster"
    assert settings.celery_options["sentinel_kwargs"]["password"] == "word"
    plain = load_settings(redis_url="redis://127.0.0.1:6379/0")
    assert (plain.celery_url, plain.celery_options) == (plain.redis_url, {})
