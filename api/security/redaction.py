"""What never gets into a log."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from structlog.typing import EventDict, WrappedLogger

HIDDEN = "[redacted]"
_SECRET_KEYS = frozenset(
    {"api_key", "authorization", "cookie", "password", "proxy-authorization", "secret", "set-cookie", "token"}
)
_SECRETS = (
    (re.compile(r"\b(evm_|hf_)[\w-]+"), rf"\1{HIDDEN}"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]+"), rf"\1 {HIDDEN}"),
    (re.compile(r"(\w://[^/\s:@]*):[^/\s@]+@"), rf"\1:{HIDDEN}@"),
    (re.compile(r"(?i)\b(password|secret|token|api_key)=[^\s&]+"), rf"\1={HIDDEN}"),
)
# What a terminal would act on, other than tabs and ends of lines.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def redact(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Hide secrets in every key and value of a log entry; a processor of structlog that comes last before rendering."""
    return {key: _clean(key, value) for key, value in event.items()}


def _clean(key: object, value: Any) -> Any:
    if str(key).lower() in _SECRET_KEYS:
        return HIDDEN
    if isinstance(value, Mapping):
        return {inner: _clean(inner, one) for inner, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(None, one) for one in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
