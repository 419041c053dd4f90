"""What every section of the spec is made of: the strict model, patterns of text and what they mean."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

NAME = r"^[a-z0-9-]{1,64}$"
SHORT_NAME = r"^[A-Za-z0-9_-]{1,64}$"
GRANULARITY = r"^((global|layer|group:[1-9][0-9]*|spline:([2-9]|[1-9][0-9]+))(\+module(\+other)?)?|chunks:[1-9][0-9]*)$"
VOCABULARY = r"^(base|union|model:[A-Za-z0-9_-]{1,64})$"
TOKEN_SOURCE = r"^(base|zero|model:[A-Za-z0-9_-]{1,64})$"
CALLABLE = r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$"
URL = r"^https?://\S+$"
PATTERNS = {
    CALLABLE: "module:function",
    URL: "http://... or https://...",
    NAME: "1 to 64 lower-case letters, digits and '-'",
    SHORT_NAME: "1 to 64 letters, digits, '_' and '-'",
    GRANULARITY: "global, layer or group:K (K blocks each) or spline:K (K of 2 or more), optionally followed by "
    "+module or +module+other, or chunks:N",
    VOCABULARY: "base, union or model:<short name>",
    TOKEN_SOURCE: "base, zero or model:<short name>",
}

Text = Annotated[str, StringConstraints(min_length=1)]


class Section(BaseModel):
    """A mapping of the spec: unknown keys are refused, values are never coerced."""

    # strict: "64", true and 64.5 are not whole numbers, whatever they could be coerced to.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
