"""What an operator sets, by environment variable ``EVOMERGE_<NAME>`` or on the command line."""

from __future__ import annotations

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
        hosts: host names that requests may name, without ports; they name one in the Host header. Comma-separated.
        max_body_bytes: larger request bodies are refused.
        max_query_bytes: longer query strings are refused.
        session_hours: how long a browser stays logged in.
        failed_logins: so many wrong tokens of one client address, each within a minute of the one before, make it wait.
        log_format: ``auto`` is text on a terminal and JSON elsewhere.
        otlp_endpoint: where traces go by OTLP over HTTP (``http://127.0.0.1:4318/v1/traces``); None for no traces.
    """

    model_config = SettingsConfigDict(env_prefix="EVOMERGE_", frozen=True)

    store: SecretStr = SecretStr("sqlite:///evomerge.db")
    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    hosts: Annotated[tuple[str, ...], NoDecode] = LOOPBACK
    max_body_bytes: int = Field(2**20, ge=1)
    max_query_bytes: int = Field(8192, ge=1)
    session_hours: float = Field(12.0, gt=0)
    failed_logins: int = Field(20, ge=1)
    log_format: Literal["auto", "json", "text"] = "auto"
    otlp_endpoint: str | None = None

    @field_validator("store")
    @classmethod
    def _url(cls, value: SecretStr) -> SecretStr:
        text = value.get_secret_value()
        return value if "://" in text else SecretStr(f"sqlite:///{text}")

    @field_validator("hosts", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        names = value.split(",") if isinstance(value, str) else value
        return tuple(name.strip().strip("[]").lower() for name in names)


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
