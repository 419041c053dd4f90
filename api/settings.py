"""What an operator sets, by environment variable ``EVOMERGE_<NAME>`` or on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from evomerge.errors import InvalidInput

LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Settings(BaseSettings):
    """Settings of one server; the defaults are those of one person on one machine.

    Attributes:
        store: where the store is; secret, since it may hold a password.
        host: address that the server binds.
        port: port that the server binds.
        root_path: path that a proxy gives this server, such as ``/merges``, whether it takes it off or not.
        hosts: host names that requests may name, without ports; they name one in the Host header. Comma-separated.
        trusted_proxies: addresses and networks of reverse proxies, whose X-Forwarded-For and -Proto say where a request
            came from; behind one that is not named, all clients are one address and cookies are not marked as secure.
            Comma-separated.
        max_body_bytes: larger request bodies are refused.
        max_query_bytes: longer query strings are refused.
        session_hours: how long a browser stays logged in.
        failed_logins: so many wrong tokens of one client address, each within a minute of the one before, make it wait.
        log_format: ``auto`` is text on a terminal and JSON elsewhere.
        otlp_endpoint: where traces go by OTLP over HTTP (``http://127.0.0.1:4318/v1/traces``); None for no traces.
        model_roots: directories that hold the models which specs may name. Comma-separated.
        task_roots: directories that hold the task files, and other files, which specs may name. Comma-separated.
        tasks: tasks and suites of the catalog, and tasks of lm-eval, that specs may name; their data comes from where
            they say. Comma-separated.
        allow_hub: whether specs may name models of the Hugging Face hub, with the commit that they are at.
        endpoint_hosts: hosts, addresses and networks (10.0.0.0/8) that black boxes and judges may be at.
            Comma-separated.
        artifact_root: directory of exported checkpoints.
        max_open_experiments: so many experiments that have not ended may one owner have; admins are free.
        max_priority: larger priorities are for admins.
        check_seconds: how long the check of one spec may take, downloads of its models included.
        max_streams: so many event streams are served at the same time.
        launcher: ``local`` runs drivers as processes of this machine on a Ray of their own, ``ray`` submits them as
            jobs to the cluster at ``ray_jobs_address``, ``none`` leaves starting them to another server.
        ray_jobs_address: address of the dashboard of a Ray cluster, such as ``http://ray-head:8265``.
        state: directory of the drivers' output.
        max_running_per_owner: so many experiments of one owner run at the same time, the others wait.
    """

    model_config = SettingsConfigDict(env_prefix="EVOMERGE_", frozen=True)

    store: SecretStr = SecretStr("sqlite:///evomerge.db")
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    root_path: str = Field(default="", pattern=r"^(/[A-Za-z0-9._~-]+)*$")
    hosts: Annotated[tuple[str, ...], NoDecode] = LOOPBACK
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = ()
    max_body_bytes: int = Field(default=2**20, ge=1)
    max_query_bytes: int = Field(default=8192, ge=1)
    session_hours: float = Field(default=12.0, gt=0)
    failed_logins: int = Field(default=20, ge=1)
    log_format: Literal["auto", "json", "text"] = "auto"
    otlp_endpoint: str | None = None
    model_roots: Annotated[tuple[Path, ...], NoDecode] = Field(default=(Path("models"),), min_length=1)
    task_roots: Annotated[tuple[Path, ...], NoDecode] = (Path("tasks"),)
    tasks: Annotated[tuple[str, ...], NoDecode] = ()
    allow_hub: bool = False
    endpoint_hosts: Annotated[tuple[str, ...], NoDecode] = ()
    artifact_root: Path = Path("artifacts")
    launcher: Literal["local", "ray", "none"] = "local"
    ray_jobs_address: str = "http://127.0.0.1:8265"
    state: Path = Path("evomerge-state")
    max_running_per_owner: int = Field(default=4, ge=1)
    max_open_experiments: int = Field(default=20, ge=1)
    max_priority: int = 10
    check_seconds: float = Field(default=600.0, gt=0)
    max_streams: int = Field(default=200, ge=1)

    @field_validator("store")
    @classmethod
    def _url(cls, value: SecretStr) -> SecretStr:
        text = value.get_secret_value()
        return value if "://" in text else SecretStr(f"sqlite:///{text}")

    @field_validator("hosts", "endpoint_hosts", mode="before")
    @classmethod
    def _names(cls, value: Any) -> Any:
        return tuple(name.strip("[]").lower() for name in _split(value))

    @field_validator("model_roots", "task_roots", "tasks", "trusted_proxies", mode="before")
    @classmethod
    def _list(cls, value: Any) -> Any:
        return _split(value)


def _split(value: Any) -> Any:
    return tuple(part for one in value.split(",") if (part := one.strip())) if isinstance(value, str) else value


def load_settings(**overrides: Any) -> Settings:
    """Return the settings of the environment, with ``overrides`` that are not None on top.

    Raises:
        InvalidInput: naming the environment variable.
    """
    try:
        return Settings(**{name: value for name, value in overrides.items() if value is not None})
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        raise InvalidInput(
            f"EVOMERGE_{name.upper()}", first["msg"], "set it to such a value, or unset it for the default"
        ) from None
