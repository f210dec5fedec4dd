"""Translation: the texts of bot/locale/{en,zh}.yaml by key. Texts of editors are in the knowledge base instead.

A key is a dotted path: "doctor.clock.wrong". A text may have named placeholders as in str.format: "{port} is taken".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

LANGUAGES: Final = ("zh", "en")
LOCALE_FOLDER: Final = Path(__file__).parent / "locale"


@dataclass(frozen=True, slots=True)
class Message:
    """A text to be translated later, by code that knows the reader's language."""

    key: str
    values: Mapping[str, object] = field(default_factory=dict)  # for placeholders; a Message is translated, too

    def text(self, language: str) -> str:
        """The text in 'zh' or 'en'. Raises KeyError for an unknown key or a missing value."""
        return translate(self.key, language, **self.values) if self.key else ""

    def __str__(self) -> str:
        return self.text("en")


NO_TEXT: Final = Message(key="")  # '' in every language


def message(key: str, **values: object) -> Message:
    """A Message with its values as keyword arguments."""
    return Message(key, values)


def translate(key: str, language: str, **values: object) -> str:
    """The text of `key` in 'zh' or 'en'. Raises KeyError for an unknown key or a missing value."""
    text = catalogue(language)[key]
    if not values and "{" not in text:
        return text
    return text.format_map(
        {name: value.text(language) if isinstance(value, Message) else value for name, value in values.items()}
    )


def bilingual(key: str, **values: object) -> str:
    """The text in both languages, for readers of unknown language: "中文 / English"."""
    return " / ".join(translate(key, language, **values) for language in LANGUAGES)


def preferred(accept_language: str) -> str:
    """The language with the highest weight in an Accept-Language header (RFC 9110, 12.5.4); '' if it has neither."""
    weighed = []
    for place, part in enumerate(accept_language.split(",")[:20]):
        name, _, weight = part.strip().partition(";q=")
        language = name.split("-")[0].lower()
        if language in LANGUAGES:
            weighed.append((-_weight(weight), place, language))
    return min(weighed)[2] if weighed else ""


@cache
def catalogue(language: str) -> Mapping[str, str]:
    """All texts of a language by key, cached. Raises LookupError for a language that is not in LANGUAGES."""
    if language not in LANGUAGES:
        raise LookupError(f"no texts in {language!r}: one of {', '.join(LANGUAGES)}")
    content = yaml.load((LOCALE_FOLDER / f"{language}.yaml").read_text(encoding="utf-8"), Loader=_LOADER)  # noqa: S506 - a safe loader either way
    return dict(_flat(content or {}, ""))


@cache
def section(prefix: str, language: str) -> Mapping[str, str]:
    """All texts whose keys start with `prefix`, by the rest of the key. Pages load theirs at once."""
    start = f"{prefix}."
    return {key.removeprefix(start): text for key, text in catalogue(language).items() if key.startswith(start)}


_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml is optional and ten times as fast


def _flat(content: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for key, value in content.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", str(value)


def _weight(text: str) -> float:
    try:
        return float(text) if text else 1.0
    except ValueError:
        return 0.0
