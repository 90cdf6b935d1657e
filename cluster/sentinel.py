"""The address of a Redis that is watched by Sentinels: `sentinel://[user:password@]HOST[:PORT],HOST[:PORT]/NAME`.

NAME is what the Sentinels call the primary. A database other than 0 and the Sentinels' own password follow as
`?db=1&sentinel_password=...`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

SCHEME = "sentinel://"
PORT = 26379
FORM = "must look like sentinel://:PASSWORD@HOST:26379,HOST2:26379/NAME, NAME being the primary's"
OPTIONS = {"db", "sentinel_password"}


@dataclass(frozen=True, slots=True)
class SentinelAddress:
    hosts: tuple[tuple[str, int], ...]
    master: str
    username: str
    password: str
    db: int
    sentinel_password: str

    @classmethod
    def parse(cls, url: str) -> SentinelAddress:
        """Raises ValueError that says what such an address looks like."""
        parts = urlsplit(url)
        login, _, places = parts.netloc.rpartition("@")
        username, _, password = login.partition(":")
        given = dict(parse_qsl(parts.query, keep_blank_values=True))
        master = unquote(parts.path.strip("/"))
        db = given.get("db", "0")
        hosts = tuple(_host(place) for place in places.split(","))
        if not url.startswith(SCHEME) or not master or "/" in master or not db.isdecimal() or not set(given) <= OPTIONS:
            raise ValueError(FORM)
        password_of_sentinels = given.get("sentinel_password", "")
        return cls(hosts, master, unquote(username), unquote(password), int(db), password_of_sentinels)

    @property
    def login(self) -> dict[str, str]:
        given = {"username": self.username, "password": self.password}
        return {name: value for name, value in given.items() if value}

    @property
    def sentinel_login(self) -> dict[str, str]:
        return {"password": self.sentinel_password} if self.sentinel_password else {}

    @property
    def celery_url(self) -> str:
        """In the notation of Celery and Kombu: one address for each Sentinel."""
        login = f"{quote(self.username, safe='')}:{quote(self.password, safe='')}@" if self.login else ""
        return ";".join(f"{SCHEME}{login}{_bracketed(host)}:{port}/{self.db}" for host, port in self.hosts)

    @property
    def transport_options(self) -> dict[str, Any]:
        """What Celery wants to know besides."""
        return {"master_name": self.master, "sentinel_kwargs": {"socket_timeout": 1, **self.sentinel_login}}


def _host(place: str) -> tuple[str, int]:
    try:
        found = urlsplit(f"//{place}")
        port = found.port
    except ValueError:
        raise ValueError(FORM) from None
    if not found.hostname:
        raise ValueError(FORM)
    return found.hostname, port or PORT


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
