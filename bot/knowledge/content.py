"""What every written piece of content has to be: text, in both languages, with its braces in order."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict
from pydantic_core import PydanticCustomError

Language = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = ("zh", "en")

_QUOTED = "text; put quotes around one that holds a colon and a space, or begins with a dash or a bracket"
_BRACES = re.compile(r"\{[^{}]*\}|[{}]")


def text(value: Any) -> str:
    """What is written, without the space around it. Raises PydanticCustomError for what is empty or no text."""
    if isinstance(value, Mapping | list | tuple):
        raise PydanticCustomError("not_text", "is not text", {"expected": _QUOTED})
    if value is not None and not isinstance(value, str):
        raise PydanticCustomError(
            "not_text", "is not text", {"expected": "text; put quotes around a number or a yes/no"}
        )
    if value is None or not value.strip():
        raise PydanticCustomError("empty", "is empty", {"expected": "some text"})
    return value.strip()


Text = Annotated[str, BeforeValidator(text)]


class Content(BaseModel):
    """The root of everything editors write: frozen, and a key nobody knows is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Bilingual(Content):
    """One text in both languages."""

    zh: Text
    en: Text

    def said_in(self, language: str) -> str:
        """In Chinese for 'zh', in English for everybody else."""
        return self.zh if language == "zh" else self.en


def braces(text: str) -> list[str]:
    """Every {placeholder} of a text as it stands there, and every brace without its partner."""
    return _BRACES.findall(text)
