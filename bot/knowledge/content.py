"""Types of the content that editors write: texts in both languages, and answers by language and channel.

An answer has one wording or several of the same meaning. The first is sent; the others replace it where the same text
may not be posted twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from bot.errors import InvalidValue

Language = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = ("zh", "en")

_BRACES = re.compile(r"\{[^{}]*\}|[{}]")


def text(value: Any) -> str:
    """`value` without surrounding whitespace. Raises InvalidValue if it is empty or not a string."""
    if isinstance(value, Mapping | list | tuple):
        raise InvalidValue("knowledge.structure_for_text")
    if value is not None and not isinstance(value, str):
        raise InvalidValue("knowledge.value_for_text")
    if value is None or not value.strip():
        raise InvalidValue("knowledge.no_text")
    return value.strip()


Text = Annotated[str, BeforeValidator(text)]


class Content(BaseModel):
    """Base of all content models: frozen, and an unknown key is a problem."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Bilingual(Content):
    """One text in both languages."""

    zh: Text
    en: Text

    def in_language(self, language: str) -> str:
        """The Chinese text for 'zh', else the English one."""
        return self.zh if language == "zh" else self.en


def braces(text: str) -> list[str]:
    """Every {placeholder} of a text with its braces, and every unpaired brace."""
    return _BRACES.findall(text)


DEFAULT = "default"
_SHORT = (list, tuple)
Keys: TypeAlias = tuple[str | int, ...]


def _one_or_several(value: Any, several: ValidatorFunctionWrapHandler) -> tuple[str, ...]:
    """A single text becomes a tuple of one, validated here so that its problems have the text's own line."""
    wordings: tuple[str, ...] = several(value) if isinstance(value, _SHORT) else (text(value),)
    if not wordings:
        raise InvalidValue("knowledge.no_wording")
    return wordings


def _with_default(wording: Mapping[str, tuple[str, ...]]) -> Mapping[str, tuple[str, ...]]:
    if DEFAULT not in wording:
        raise InvalidValue("knowledge.no_default")
    return MappingProxyType(dict(wording))


Wordings = Annotated[tuple[Text, ...], WrapValidator(_one_or_several)]
Wording = Annotated[
    Mapping[str, Wordings],
    # A text or a list of texts is short for `{default: ...}`.
    BeforeValidator(lambda value: value if isinstance(value, Mapping) else {DEFAULT: value}),
    AfterValidator(_with_default),
    # A single text is written as a text, as in editions from before there were lists.
    PlainSerializer(
        lambda wording: {channel: list(said) if len(said) > 1 else said[0] for channel, said in wording.items()}
    ),
]


@dataclass(frozen=True, slots=True)
class AnswerWording:
    """One wording of an answer."""

    language: Language
    channel: str
    text: str
    keys: Keys  # its path in the entry; ends with its index if the answer has several wordings

    @property
    def of_several(self) -> bool:
        return isinstance(self.keys[-1], int)


class Answers(Content):
    """The answers of an entry, by language and channel; `default` is for channels without their own."""

    zh: Wording
    en: Wording

    def in_language(self, language: str) -> Mapping[str, tuple[str, ...]]:
        """The wordings by channel: Chinese for 'zh', else English."""
        return self.zh if language == "zh" else self.en

    def for_channel(self, channel: str, language: str) -> tuple[str, ...]:
        """The wordings for a channel; the first is the one to send."""
        wordings = self.in_language(language)
        return wordings.get(channel, wordings[DEFAULT])

    def wordings(self) -> Iterator[AnswerWording]:
        """Every wording of both languages, in order."""
        for language in LANGUAGES:
            for channel, texts in self.in_language(language).items():
                keys: Keys = ("answers", language, channel)
                for place, wording in enumerate(texts):
                    yield AnswerWording(language, channel, wording, (*keys, place) if len(texts) > 1 else keys)

    def wordings_for(self, channel: str) -> Iterator[AnswerWording]:
        """Every wording that is used on a channel, in both languages."""
        for one in self.wordings():
            if one.channel == (channel if channel in self.in_language(one.language) else DEFAULT):
                yield one


def long_keys(entry: Any) -> Iterator[tuple[Keys, Keys]]:
    """The (written, full) key paths of wordings in lists that are short for `{default: [...]}`.

    entry: as parsed from YAML. Problems are reported with the full path, whose line is that of the written one.
    """
    answers = entry.get("answers") if isinstance(entry, dict) else None
    for language in LANGUAGES:
        texts = answers.get(language) if isinstance(answers, dict) else None
        for place in range(len(texts) if isinstance(texts, list) else 0):
            yield ("answers", language, place), ("answers", language, DEFAULT, place)
