"""Structured logs: one JSON object a line, or text on a terminal, with the ids of whatever is being worked on."""

from __future__ import annotations

import logging
import sys
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from api.security.redaction import redact
from api.settings import Settings


def configure(settings: Settings, stream: TextIO = sys.stderr) -> None:
    """Send this process's log, that of libraries too, to ``stream``.

    Entries carry what ``structlog.contextvars`` holds, such as ``request_id``, ``token_id`` and ``experiment_id``.
    Secrets are hidden last, when tracebacks are text already.
    """
    on_terminal = settings.log_format == "text" or (settings.log_format == "auto" and stream.isatty())
    renderer: Processor = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if on_terminal
        else structlog.processors.JSONRenderer()
    )
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder(), _without_colors],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                redact,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    # It reports every look at the schema, which each readiness probe takes.
    logging.getLogger("alembic").setLevel(logging.WARNING)


def _without_colors(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Drop uvicorn's second copy of its messages, which is for terminals."""
    event.pop("color_message", None)
    return event
