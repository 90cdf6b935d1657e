"""`cumulo up`"""

from __future__ import annotations

import logging
import os
import sys
import webbrowser
from functools import partial
from pathlib import Path

import click
import httpx

from cluster import programs
from cluster.cli.common import data_folder, plain_errors
from cluster.errors import ClusterError, ClusterUnavailable
from cluster.home import Home, Running
from cluster.network import free_port, local_address
from cluster.programs import NodePlan
from cluster.service import Cluster, store_folder
from cluster.settings import environment, host_name, load_settings
from cluster.supervisor import Program, StartFailed, Supervisor, run_until_signalled

REDIS_PORT = 6390  # not Redis's own 6379, which another server may want


@click.command("up")
@click.option("--nodes", "count", type=click.IntRange(1, 64), default=1, show_default=True, help="Nodes on this PC.")
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True, help="Port of the web page.")
@click.option("--flower-port", type=click.IntRange(1, 65535), default=5555, show_default=True, help="Port of Flower.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 for other PCs.")
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for images, logs and the server's files (default: CUMULO_DATA, or the user's own).",
)
@click.option("--redis", "redis_url", help="Use this Redis instead of an own Valkey.")
@click.option("--no-browser", is_flag=True, help="Do not open the page in a browser.")
@plain_errors
def command(
    count: int,
    port: int,
    flower_port: int,
    host: str,
    data: Path | None,
    redis_url: str | None,
    no_browser: bool,
) -> None:
    """Start a whole cluster on this PC: Valkey, nodes, web page and Flower.

    Example: cumulo up --nodes 2
    """
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    home = Home(data_folder(data))
    home.lock()
    up = _Up(home, count, host, port, flower_port, redis_url or os.environ.get("CUMULO_REDIS_URL"))
    up.refuse_taken_names()
    click.echo("Starting Cúmulo ...", err=True)
    supervisor = Supervisor(up.programs(), home.data / "logs")
    try:
        supervisor.start()
        home.announce(up.running)
        up.print_address()
        if not no_browser and _desktop():
            webbrowser.open(up.entrance)
        run_until_signalled(supervisor, up.status_line)
    except StartFailed as error:
        raise ClusterError(str(error)) from error
    finally:
        click.echo("\nStopping: finishing what is in hand ...", err=True)
        supervisor.stop()
        home.withdraw()


def _desktop() -> bool:
    if sys.platform in ("darwin", "win32"):
        return sys.stdout.isatty()
    return sys.stdout.isatty() and bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


class _Up:
    """One cluster on this PC: its addresses, secrets and programs."""

    def __init__(self, home: Home, count: int, host: str, port: int, flower_port: int, redis_url: str | None) -> None:
        self._home = home
        self._host = host
        self._port = free_port(host, port)
        self._flower_port = free_port(host, flower_port)
        self._plans = programs.plan_nodes(count, host_name())
        self._own_redis = redis_url is None
        self._redis_port = free_port(host, REDIS_PORT) if self._own_redis else 0
        self._redis_url = redis_url or f"redis://:{home.secret('redis')}@{self._near}:{self._redis_port}/0"
        self._seen = "localhost" if self._host.startswith("127.") else self._far
        self.running = Running(
            f"http://{self._near}:{self._port}",
            load_settings().token.get_secret_value() or home.secret("token"),
            self._redis_url,
            f"http://{self._seen}:{self._flower_port}",
            os.getpid(),
            str(store_folder(load_settings(data=home.data)) or ""),
            load_settings().max_upload_bytes,
        )
        self.entrance = f"http://{self._seen}:{self._port}/?token={self.running.token}"
        self._flower_password = load_settings().flower_password.get_secret_value() or home.secret("flower")
        self._cluster = Cluster(load_settings(redis_url=self._redis_url, data=home.data))
        self._printed = False

    @property
    def _near(self) -> str:
        """The address for programs on this PC."""
        return "127.0.0.1" if self._host in ("0.0.0.0", "") else self._host  # noqa: S104 - compared, not bound

    @property
    def _far(self) -> str:
        """The address for other PCs."""
        return local_address() if self._host == "0.0.0.0" else self._host  # noqa: S104 - compared, not bound

    @property
    def _open(self) -> bool:
        return not self._near.startswith("127.") or self._host == "0.0.0.0"  # noqa: S104 - compared, not bound

    def refuse_taken_names(self) -> None:
        """On a Redis that others use as well, another PC of the same host name may have nodes. Raises NameTaken."""
        if not self._own_redis:
            self._cluster.registry.refuse_taken([plan.name for plan in self._plans])

    def programs(self) -> list[Program]:
        data, redis_url = self._home.data, self._redis_url
        (data / "logs").mkdir(parents=True, exist_ok=True, mode=0o700)
        names = [plan.name for plan in self._plans]
        found = [
            *(programs.image_worker(plan, redis_url, data, "", partial(self._is_live, plan)) for plan in self._plans),
            programs.monitor(host_name(), names, redis_url, data, data / "run"),
            programs.flower(
                redis_url,
                data,
                self._host,
                self._flower_port,
                self._flower_password,
                self._home.secret("flower-cookie"),
            ),
            programs.web(
                self._host,
                self._port,
                environment(
                    redis_url=redis_url,
                    data=data,
                    token=self.running.token,
                    web_url=f"http://{self._far}:{self._port}" if self._open else "",
                    flower_url=self.running.flower_url,
                ),
                self._web_ready,
            ),
        ]
        if self._own_redis:
            found.append(
                programs.redis_server(
                    data / "valkey",
                    self._host,
                    self._redis_port,
                    self._home.secret("redis"),
                    self._redis_ready,
                )
            )
        return found

    def _redis_ready(self) -> bool:
        try:
            self._cluster.ping()
        except ClusterUnavailable:
            return False
        return True

    def _is_live(self, plan: NodePlan) -> bool:
        rows = self._cluster.registry.rows()
        return any(row.id == plan.name and row.alive and row.state != "offline" for row in rows)

    def _web_ready(self) -> bool:
        try:
            return httpx.get(f"{self.running.url}/readyz", timeout=2).is_success
        except httpx.HTTPError:
            return False

    def print_address(self) -> None:
        nodes = ", ".join(
            f"{plan.name} ({plan.concurrency} {'core' if plan.concurrency == 1 else 'cores'})" for plan in self._plans
        )
        click.echo(f"\n  Cúmulo is up. Open  {self.entrance}\n")
        click.echo(f"  Nodes    {nodes}")
        click.echo(f"  Flower   {self.running.flower_url}  user cumulo, password {self._flower_password}")
        click.echo(f"  Data     {self._home.data}")
        if self._open and self._own_redis:
            address = self._redis_url.replace(f"@{self._near}:", f"@{self._far}:")
            click.echo(f"\n  On another PC:  cumulo worker --name NAME --redis {address}")
        click.echo("\n  Ctrl-C stops it.\n")
        sys.stdout.flush()

    def status_line(self) -> None:
        """One line that rewrites itself, on a terminal only."""
        if not sys.stdout.isatty():
            return
        try:
            summary = self._cluster.summary()
        except ClusterUnavailable:
            text = "waiting for Valkey"
        else:
            counts = summary["counts"]
            text = (
                f"{summary['nodes'].get('live', 0)} of {sum(summary['nodes'].values())} nodes live · "
                f"{counts['queued']} waiting · {counts['assigned'] + counts['running']} on nodes · "
                f"{counts['done']} done · {summary['images_per_minute']} images/min"
            )
        sys.stdout.write(f"\r\x1b[2K  {text}")
        sys.stdout.flush()
