"""What every written piece of content has to be: text, in both languages, with its braces in order."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict
from pydantic_core import PydanticCustomError

Language = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = ("zh", "en")

_BRACES = re.compile(r"\{[^{}]*\}|[{}]")


def _text(value: Any) -> Any:
    if isinstance(value, str):
        return value
    if value is None:
        raise PydanticCustomError("empty", "is empty", {"expected": "some text"})
    raise PydanticCustomError("not_text", "is not text", {"expected": "text; put quotes around a number or a yes/no"})


def _written(text: str) -> str:
    if not text.strip():
        raise PydanticCustomError("empty", "is empty", {"expected": "some text"})
    return text.strip()


Text = Annotated[str, BeforeValidator(_text), AfterValidator(_written)]


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
