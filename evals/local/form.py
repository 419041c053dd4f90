"""The short form of a task file: where the items are, what is asked, and how the answer is scored."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, model_validator

from evals.local.refusals import REFUSALS

Files = str | list[str]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class LocalData(_Part):
    """Files beside the task file; with ``search``, no test item is searched on."""

    test: Files
    search: Files | None = None
    examples: Files | None = None


class HubData(_Part):
    """A data set of the Hugging Face hub, with the names of its splits."""

    hub: str
    test: str
    name: str | None = None
    revision: str | None = None
    search: str | None = None
    examples: str | None = None


class Choice(_Part):
    """The likeliest of the choices; ``normalize`` divides each log-likelihood by the choice's length (acc_norm)."""

    kind: Literal["choice"] = "choice"
    normalize: bool = False


class Exact(_Part):
    """The answer is the reference; ``strip`` cuts white space around it before it is compared."""

    kind: Literal["exact"] = "exact"
    strip: bool = True
    ignore_case: bool = False
    ignore_punctuation: bool = False


class Regex(_Part):
    """What a pattern finds in the answer is the reference; a group in it says which part is meant."""

    kind: Literal["regex"] = "regex"
    pattern: str
    which: Literal["first", "last"] = "first"
    ignore_case: bool = False

    @model_validator(mode="after")
    def _compiles(self) -> Regex:
        try:
            re.compile(self.pattern)
        except re.error as error:
            raise ValueError(f"{self.pattern!r} is no regular expression: {error}") from None
        return self


class Numeric(_Part):
    """The last number of the answer is the reference, or is within a share ``tolerance`` of it."""

    kind: Literal["numeric"] = "numeric"
    which: Literal["first", "last"] = "last"
    tolerance: float | None = Field(default=None, ge=0, allow_inf_nan=False)


class JsonValue(_Part):
    """The answer is JSON, fits a schema (written out, or a file beside the task file), equals the reference if any."""

    kind: Literal["json"] = "json"
    json_schema: dict[str, Any] | str | None = Field(default=None, alias="schema")
    fenced: bool = False


class Code(_Part):
    """The share of draws of ``k`` answers in which one passes the item's tests."""

    kind: Literal["code"] = "code"
    program: str = "{{code}}\n\n{{tests}}\n"
    k: int = Field(default=1, ge=1)
    samples: int = Field(default=1, ge=1, le=1000)
    cpu_s: int = Field(default=10, ge=1, le=3600)
    memory_mb: int = Field(default=512, ge=64)

    @model_validator(mode="after")
    def _enough(self) -> Code:
        if not re.search(r"\bcode\b", self.program):
            raise ValueError("program does not use {{code}}, which the model wrote")
        if self.samples < self.k:
            raise ValueError(f"samples is {self.samples}, fewer than the k = {self.k} of pass@k")
        return self


class Judged(_Part):
    """The mark that a judge gives, from 0 for ``scale[0]`` to 1 for ``scale[1]``."""

    kind: Literal["judge"] = "judge"
    url: str = Field(pattern=r"^https?://[^\s@]+$")
    model: str = Field(min_length=1)
    rubric: str
    scale: Annotated[list[float], Field(min_length=2, max_length=2)] = Field(default=[1.0, 10.0])
    max_tokens: int = Field(default=512, ge=1)
    timeout_s: float = Field(default=120.0, gt=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _asks(self) -> Judged:
        if not re.search(r"\{\{.*\boutput\b.*\}\}", self.rubric):
            raise ValueError("rubric does not use {{output}}, which is what the judge grades")
        if not self.scale[0] < self.scale[1]:
            raise ValueError(f"scale is {self.scale}, expected [lowest, highest]")
        return self


class Refused(_Part):
    """Whether the answer refuses, by a pattern, where it should: the reference is ``refuse`` or ``answer``."""

    kind: Literal["refusal"] = "refusal"
    pattern: str = REFUSALS

    @model_validator(mode="after")
    def _compiles(self) -> Refused:
        try:
            re.compile(self.pattern)
        except re.error as error:
            raise ValueError(f"{self.pattern!r} is no regular expression: {error}") from None
        return self


def _by_name(value: object) -> object:
    return {"kind": value} if isinstance(value, str) else value


Score = Annotated[
    Annotated[Choice | Exact | Regex | Numeric | JsonValue | Code | Judged | Refused, Field(discriminator="kind")],
    BeforeValidator(_by_name),
]


def _as_test(value: object) -> object:
    return {"test": value} if isinstance(value, str | list) else value


def _where(value: object) -> str:
    return "hub" if isinstance(value, Mapping) and "hub" in value else "local"


Data = Annotated[
    Annotated[Annotated[LocalData, Tag("local")] | Annotated[HubData, Tag("hub")], Discriminator(_where)],
    BeforeValidator(_as_test),
]


class Form(_Part):
    """A task file in the short form; ``docs/tasks.md`` explains the keys."""

    data: Data
    prompt: str
    score: Score
    answer: str | None = None
    choices: str | list[str] | None = None
    system: str | None = None
    separator: str | None = None
    stop: list[str] = []
    max_tokens: int = Field(default=256, ge=1)
    temperature: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    examples: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _fits_its_score(self) -> Form:
        kind = self.score.kind
        if self.answer is None and kind not in ("json", "code", "judge", "refusal"):
            raise ValueError(f"there is no answer; score {kind} compares with one, a column or a template")
        if (self.choices is not None) != (kind == "choice"):
            raise ValueError("choices belong to score: choice, and it needs them" + f"; found score: {kind}")
        if isinstance(self.score, Code) and self.score.samples > 1 and not self.temperature:
            raise ValueError("several samples at temperature 0 are all the same; give a temperature such as 0.8")
        if self.examples and (self.answer is None or kind == "refusal"):
            raise ValueError("examples show answers, and the task has no answer")
        return self
