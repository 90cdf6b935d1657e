"""Every setting, read from `CUMULO_*` environment variables; secrets also from files (`CUMULO_TOKEN_FILE`).

`docs/operations.md` holds the table that is generated from this module.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from cluster.errors import SettingsError
from cluster.home import own_data
from cluster.sentinel import SCHEME, SentinelAddress

PREFIX = "CUMULO_"
NODE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")


def host_name() -> str:
    """This PC's name, reduced to the characters that a node name may have."""
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", socket.gethostname().split(".")[0]).strip("-")
    return name or "pc"


def valid_node_name(name: str) -> str:
    if not NODE_NAME.fullmatch(name):
        raise ValueError(
            f"{name!r} is no node name: use letters, digits, '-', '_' and '.', at most 63, "
            "beginning with a letter or digit"
        )
    return name


class SecretFiles(EnvSettingsSource):
    """`CUMULO_X_FILE=/path` gives the setting X, unless `CUMULO_X` itself is set."""

    def __call__(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name in self.settings_cls.model_fields:
            path = os.environ.get(f"{PREFIX}{name.upper()}_FILE")
            if path:
                try:
                    found[name] = Path(path).read_text().strip()
                except OSError as error:
                    raise SettingsError(f"{PREFIX}{name.upper()}_FILE: cannot read {path}: {error.strerror}") from error
                except UnicodeDecodeError:
                    raise SettingsError(f"{PREFIX}{name.upper()}_FILE: cannot read {path}: it is no text") from None
        return found


class Settings(BaseSettings):
    """One object per process. Sizes are bytes, times seconds, unless the name says otherwise."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", validate_default=True)

    redis_url: str = Field(
        "redis://127.0.0.1:6379/0",
        repr=False,
        description="Redis or Valkey, 6.2 or newer: redis://, rediss://, unix:// or sentinel://HOST,HOST/NAME",
    )
    data: Path = Field(
        default_factory=own_data,
        description="folder for images, Valkey's files and logs",
    )
    store: str = Field(
        "",
        description="where images lie: a folder or the web app's address; "
        "empty: the web app's data folder, or its blob route from another PC",
    )
    token: SecretStr = Field(SecretStr(""), description="access token of the web app and its API")
    node: str = Field(default_factory=host_name, description="name of this node, unique in the cluster")
    nodes: str = Field(
        "",
        description="names of the nodes that this PC's monitor watches, comma-separated; empty: the one node",
    )
    concurrency: int = Field(
        0, ge=0, le=1024, description="images that the node works on at once; 0: one per usable core"
    )
    sample_interval: float = Field(1.0, ge=0.2, le=60, description="seconds between two samples of a node")
    lease_seconds: float = Field(
        0.5, ge=0, le=60, description="how long one Celery message goes on taking jobs from the backlog"
    )
    chunk_seconds: float = Field(
        0.1, ge=0, le=10, description="predicted work of the small jobs that are claimed and committed together"
    )
    max_lost: int = Field(
        3,
        ge=1,
        le=20,
        description="lost attempts after which a job is quarantined, and attempts without a store after which it fails",
    )
    max_job_seconds: float = Field(
        300,
        ge=1,
        le=86_400,
        description="most CPU seconds that an image may take; after three times that by the clock its process is ended",
    )
    store_seconds: float = Field(
        30.0,
        ge=0,
        le=3600,
        description="how long a node waits for an image store that it cannot read or write, before the job is tried "
        "elsewhere",
    )
    max_upload_bytes: int = Field(50 * 2**20, ge=1024, description="largest image file accepted")
    max_pixels: int = Field(100_000_000, ge=1, description="most pixels an image may have, all frames summed")
    max_frames: int = Field(1000, ge=1, description="most frames or pages an image may have")
    max_steps: int = Field(32, ge=1, le=500, description="most filters in a pipeline")
    max_files: int = Field(2000, ge=1, description="most images in one request")
    max_backlog: int = Field(100_000, ge=1, description="most jobs that may wait; beyond it: 429")
    max_jobs_per_submitter: int = Field(
        100_000, ge=0, description="most unfinished jobs of one submitter; beyond it: 429; 0: nothing is taken (403)"
    )
    max_store_bytes: int = Field(
        0, ge=0, description="most bytes that the images of all jobs may take; beyond it: 507; 0: what the disk holds"
    )
    min_free_bytes: int = Field(
        512 * 2**20, ge=0, description="free space on the images' disk below which nothing more is taken: 507"
    )
    keep_days: float = Field(
        30,
        ge=0,
        allow_inf_nan=False,
        description="days after which a finished job and its images are deleted; 0: never",
    )
    keep_jobs: int = Field(100_000, ge=0, description="most finished jobs kept, the newest; 0: any number")
    keep_bytes: int = Field(
        0, ge=0, description="most bytes of images kept: beyond it the oldest finished jobs are deleted; 0: any number"
    )
    keep_unused: float = Field(
        900, ge=1, allow_inf_nan=False, description="seconds for which an image without a job is kept, as uploads are"
    )
    web_url: str = Field("", description="address under which other PCs reach the web app")
    flower_url: str = Field("", description="address of Flower shown on the page")
    flower_password: SecretStr = Field(SecretStr(""), description="password of Flower's user `cumulo`, for `up`")

    @field_validator("node")
    @classmethod
    def _node_name(cls, value: str) -> str:
        return valid_node_name(value)

    @field_validator("nodes")
    @classmethod
    def _node_names(cls, value: str) -> str:
        for name in filter(None, value.split(",")):
            valid_node_name(name)
        return value

    @field_validator("redis_url")
    @classmethod
    def _redis_scheme(cls, value: str) -> str:
        if value.startswith(SCHEME):
            SentinelAddress.parse(value)
        elif not value.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("must begin with redis://, rediss://, unix:// or sentinel://")
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, SecretFiles(settings_cls)

    @property
    def monitored(self) -> tuple[str, ...]:
        """Names of the nodes of this PC that its monitor samples."""
        return tuple(filter(None, self.nodes.split(","))) or (self.node,)

    @property
    def celery_url(self) -> str:
        """The same server in the notation of Celery and Kombu (`redis+socket://` for a unix socket)."""
        if self.redis_url.startswith(SCHEME):
            return SentinelAddress.parse(self.redis_url).celery_url
        if not self.redis_url.startswith("unix://"):
            return self.redis_url
        url = self.redis_url.replace("unix://", "redis+socket://", 1)
        return re.sub(r"\bdb=", "virtual_host=", url)

    @property
    def celery_results(self) -> str:
        """Celery's result backend: our class and the server's address."""
        own = "SentinelResults" if self.redis_url.startswith(SCHEME) else "Results"
        return f"cluster.results:{own}+{self.celery_url}"

    @property
    def celery_options(self) -> dict[str, Any]:
        """What Celery must know of the server beside its address."""
        if not self.redis_url.startswith(SCHEME):
            return {}
        return SentinelAddress.parse(self.redis_url).transport_options


def load_settings(**given: Any) -> Settings:
    """Settings from the arguments, then the environment, then `_FILE` secrets.

    Raises SettingsError with one line that names the variable and what it may be.
    """
    try:
        return Settings(**given)
    except ValidationError as error:
        first = error.errors()[0]
        name = PREFIX + str(first["loc"][0]).upper()
        raise SettingsError(f"{name}: {first['msg'].removeprefix('Value error, ')}") from None


def environment(**values: object) -> Mapping[str, str]:
    """`CUMULO_*` variables for a child process."""
    return {PREFIX + name.upper(): str(value) for name, value in values.items()}
