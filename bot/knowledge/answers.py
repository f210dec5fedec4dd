"""What is answered: by language, then by channel, in one wording or in several that say the same.

The first wording is what is said; the others stand in where the same words may not be said twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, ValidatorFunctionWrapHandler, WrapValidator
from pydantic_core import PydanticCustomError

from bot.knowledge.content import LANGUAGES, Content, Language, Text, text

DEFAULT = "default"
_SHORT = (list, tuple)
Keys: TypeAlias = tuple[str | int, ...]


def _by_channel(value: Any) -> Any:
    """`some text`, or a list of texts, is short for `{default: ...}`."""
    return value if isinstance(value, Mapping) else {DEFAULT: value}


def _one_or_several(value: Any, several: ValidatorFunctionWrapHandler) -> tuple[str, ...]:
    """A lone text is a list of one; what is wrong with it stands where it is written."""
    wordings: tuple[str, ...] = several(value) if isinstance(value, _SHORT) else (text(value),)
    if not wordings:
        raise PydanticCustomError("empty", "is empty", {"expected": "some text"})
    return wordings


def _with_default(wording: Mapping[str, tuple[str, ...]]) -> Mapping[str, tuple[str, ...]]:
    if DEFAULT not in wording:
        raise PydanticCustomError(
            "no_default", "has no default", {"expected": "default: what every other channel says"}
        )
    return MappingProxyType(dict(wording))


def _as_written(wording: Mapping[str, tuple[str, ...]]) -> dict[str, str | list[str]]:
    """A lone text stands as a text: what was published before there were lists is written as it was then."""
    return {channel: list(said) if len(said) > 1 else said[0] for channel, said in wording.items()}


Wordings = Annotated[tuple[Text, ...], WrapValidator(_one_or_several)]
Wording = Annotated[
    Mapping[str, Wordings],
    BeforeValidator(_by_channel),
    AfterValidator(_with_default),
    PlainSerializer(_as_written),
]


@dataclass(frozen=True, slots=True)
class Worded:
    """One wording of an answer. keys: where it stands in its entry; of several they end with its place."""

    language: Language
    channel: str
    text: str
    keys: Keys

    @property
    def of_several(self) -> bool:
        return isinstance(self.keys[-1], int)


class Answers(Content):
    """What is answered, by language and then by channel; `default` is for channels without words of their own."""

    zh: Wording
    en: Wording

    def said_in(self, language: str) -> Mapping[str, tuple[str, ...]]:
        """By channel, the first wording first: in Chinese for 'zh', in English for everybody else."""
        return self.zh if language == "zh" else self.en

    def said_on(self, channel: str, language: str) -> tuple[str, ...]:
        """Every wording for a channel, the first first."""
        said = self.said_in(language)
        return said.get(channel, said[DEFAULT])

    def words(self) -> Iterator[Worded]:
        """Every wording, in order."""
        for language in LANGUAGES:
            for channel, said in self.said_in(language).items():
                keys: Keys = ("answers", language, channel)
                for place, wording in enumerate(said):
                    yield Worded(language, channel, wording, (*keys, place) if len(said) > 1 else keys)

    def words_on(self, channel: str) -> Iterator[Worded]:
        """Every wording that a channel says, in both languages."""
        for one in self.words():
            if one.channel == (channel if channel in self.said_in(one.language) else DEFAULT):
                yield one


def long_keys(entry: Any) -> Iterator[tuple[Keys, Keys]]:
    """Of an entry as an editor wrote it: where each wording of a list that is short for `{default: [...]}` stands, and
    the keys that it then has."""
    answers = entry.get("answers") if isinstance(entry, dict) else None
    for language in LANGUAGES:
        said = answers.get(language) if isinstance(answers, dict) else None
        for place in range(len(said) if isinstance(said, list) else 0):
            yield ("answers", language, place), ("answers", language, DEFAULT, place)
