"""Writing: a knowledge base, or any intents with their texts, as the files of a Rasa 3 project.

What Rasa has no word for (titles, owners, validity...) stands in each intent's `metadata`, so that nothing is lost on
the way back. Formats: rasa.com/docs/rasa/training-data-format, /responses, /model-configuration.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from bot.knowledge.answers import DEFAULT
from bot.knowledge.content import LANGUAGES, Language
from bot.knowledge.entries import Base, Entry
from bot.language import script_of

ABOUT = "yingda"
VERSION = "3.1"
_HAN = re.compile(r"[㐀-鿿豈-﫿]")
_LOOKS_LIKE_AN_ENTITY = re.compile(r"\](?=[({])")
_SEED = 20_240_607


def project(base: Base, epochs: int) -> dict[str, str]:
    """The whole base, by file name: one NLU file per topic, responses, a rule for each that answers."""
    topics: dict[str, list[Entry]] = {}
    for id_, entry in base.entries.items():
        topics.setdefault(base.places[id_].page.path.stem, []).append(entry)
    nlu = {f"data/nlu/{topic}.yml": _topic(base, entries) for topic, entries in topics.items()}
    answered = [entry for entry in base.entries.values() if entry.answers is not None]
    texts = [text for entry in base.entries.values() for text in _all_examples(entry)]
    return {
        "config.yml": _config(texts, epochs),
        "domain.yml": _domain(list(base.entries), answered),
        "data/rules.yml": dumped({"version": VERSION, "rules": [_rule(entry.id) for entry in answered]}),
        **nlu,
    }


def lessons(taught: Iterable[tuple[str, Sequence[str]]], epochs: int) -> dict[str, str]:
    """No more than understanding needs: each intent's texts, by file name."""
    intents = [(intent, [_line(text) for text in texts]) for intent, texts in taught]
    nlu = [{"intent": intent, "examples": _block(texts)} for intent, texts in intents]
    return {
        "config.yml": _config([text for _, texts in intents for text in texts], epochs),
        "domain.yml": _domain([intent for intent, _ in intents], ()),
        "data/nlu/all.yml": dumped({"version": VERSION, "nlu": nlu}),
    }


def _config(texts: Iterable[str], epochs: int) -> str:
    """Rasa's default pipeline without its fallback, which is our policy's; words are parted by jieba where any text is
    Chinese: it leaves words of Latin letters whole, so that one model serves a base in both languages."""
    chinese = any(_HAN.search(text) for text in texts)
    pipeline: list[dict[str, Any]] = [
        {"name": "JiebaTokenizer" if chinese else "WhitespaceTokenizer"},
        {"name": "RegexFeaturizer"},
        {"name": "LexicalSyntacticFeaturizer"},
        {"name": "CountVectorsFeaturizer"},
        {"name": "CountVectorsFeaturizer", "analyzer": "char_wb", "min_ngram": 1, "max_ngram": 4},
        {"name": "DIETClassifier", "epochs": epochs, "constrain_similarities": True, "random_seed": _SEED},
    ]
    language = "zh" if chinese else "en"
    about = {"recipe": "default.v1", "assistant_id": ABOUT, "language": language}
    return dumped({**about, "pipeline": pipeline, "policies": [{"name": "RulePolicy"}]})


def _domain(intents: Sequence[str], answered: Sequence[Entry]) -> str:
    slot = {
        "type": "categorical",
        "values": list(LANGUAGES),
        "initial_value": LANGUAGES[0],
        "mappings": [{"type": "custom"}],
    }
    speaking = {
        "slots": {"language": slot},
        "responses": {f"utter_{entry.id}": list(_responses(entry)) for entry in answered},
    }
    return dumped({"version": VERSION, "intents": list(intents), **(speaking if answered else {})})


def _responses(entry: Entry) -> Iterable[dict[str, Any]]:
    for one in entry.words():
        when = [{"type": "slot", "name": "language", "value": one.language}]
        channel = {} if one.channel == DEFAULT else {"channel": one.channel}
        yield {"text": one.text, "condition": when, **channel}


def _rule(id_: str) -> dict[str, Any]:
    return {"rule": id_, "steps": [{"intent": id_}, {"action": f"utter_{id_}"}]}


def _topic(base: Base, entries: Sequence[Entry]) -> str:
    heading = base.places[entries[0].id].page.content["topic"]
    return dumped({"version": VERSION, "nlu": [_intent(entry, heading) for entry in entries]})


def _intent(entry: Entry, heading: Mapping[str, str]) -> dict[str, Any]:
    rest = entry.model_dump(mode="json", exclude={"id", "examples", "answers"}, exclude_defaults=True)
    about = {ABOUT: {"topic": dict(heading), **rest}}
    return {"intent": entry.id, "metadata": about, "examples": _examples(entry)}


def _examples(entry: Entry) -> Any:
    """In Rasa's short form, if every text shows its language by itself."""
    texts = [(_line(text), language) for language in LANGUAGES for text in entry.examples.asked_in(language)]
    if all(spoken(text) == language for text, language in texts):
        return _block([text for text, _ in texts])
    return [{"text": text, "metadata": {"language": language}} for text, language in texts]


def _all_examples(entry: Entry) -> Iterable[str]:
    return (text for language in LANGUAGES for text in entry.examples.asked_in(language))


def spoken(text: str) -> Language:
    """The language of a text by its letters."""
    return "zh" if script_of(text, "en") == "zh" else "en"


def _line(text: str) -> str:
    """On one line, as Rasa has it; what it would take for an entity is parted by a space."""
    return _LOOKS_LIKE_AN_ENTITY.sub("] ", " ".join(text.split()))


class _Block(str):
    """Several lines, written as they are."""

    __slots__ = ()


def _block(texts: Sequence[str]) -> _Block:
    return _Block("".join(f"- {text}\n" for text in texts))


class _Dumper(yaml.SafeDumper):
    """Writes the same thing twice where it stands twice, and blocks as blocks."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's signature
        return True


_Dumper.add_representer(
    _Block, lambda dumper, block: dumper.represent_scalar("tag:yaml.org,2002:str", str(block), style="|")
)


def dumped(content: Any) -> str:
    return yaml.dump(content, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=110)


def write(files: Mapping[str, str], folder: Path) -> None:
    """Make the folders that are missing; what is there is written over."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
