"""Questions that nobody should answer automatically, though they sound like the brand's own: out_of_scope.yaml.

The file is optional and holds `zh: [...]` and `en: [...]`, or one of them. Training learns from them what not to
answer, as it does from what is about something else for nearly every brand; these lie near to the brand's own entries,
and only its editors know them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TypeAlias

from pydantic import ValidationError

from bot.errors import Mistake
from bot.files import Page, Place, mistakes_of
from bot.knowledge.content import LANGUAGES, Content, Language, Text
from bot.knowledge.sameness import same_form

OutOfScope: TypeAlias = Mapping[str, Place]
"""Each question, and where it is written."""


class _Questions(Content):
    zh: tuple[Text, ...] = ()
    en: tuple[Text, ...] = ()

    def asked_in(self, language: Language) -> tuple[str, ...]:
        return self.zh if language == "zh" else self.en


def read_out_of_scope(page: Page) -> tuple[OutOfScope, list[Mistake]]:
    """The questions on a page, Chinese ones first, and everything that is wrong with them."""
    if not isinstance(page.content, dict) or not any(page.content.values()):
        return {}, [page.mistake((), "holds no questions", "write `zh: [...]` and `en: [...]`, or remove the file")]
    try:
        questions = _Questions.model_validate(page.content)
    except ValidationError as problem:
        return {}, mistakes_of(page, problem)
    written = list(_written(page, questions))
    return MappingProxyType(dict(written)), list(_repeated(written))


def _written(page: Page, questions: _Questions) -> Iterator[tuple[str, Place]]:
    for language in LANGUAGES:
        for index, text in enumerate(questions.asked_in(language)):
            yield text, Place(page, (language, index))


def _repeated(written: list[tuple[str, Place]]) -> Iterator[Mistake]:
    first: dict[str, Place] = {}
    for text, place in written:
        other = first.setdefault(same_form(text), place)
        if other is not place:
            yield place.mistake((), f"“{text}” is also asked at {other.at()}", "keep one of the two")
