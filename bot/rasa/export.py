"""Writes a knowledge base, or intents with their texts, as a Rasa 3 project.

Fields that Rasa has no place for (title, owner, validity...) go to each intent's `metadata`, so that an import restores
them. Formats: https://rasa.com/docs/rasa/training-data-format, /responses and /model-configuration.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from bot.knowledge.content import DEFAULT, LANGUAGES, Language
from bot.knowledge.entries import Base, Entry
from bot.text.folding import HAN
from bot.text.language import script_of

METADATA_KEY = "yingda"  # key of our fields in an intent's metadata, and Rasa's assistant_id
VERSION = "3.1"  # of Rasa's training data format
_LOOKS_LIKE_AN_ENTITY = re.compile(r"\](?=[({])")
_SEED = 20_240_607  # fixed, so that training is reproducible


def project(base: Base, epochs: int) -> dict[str, str]:
    """The project of a base, by file name: an NLU file per topic, responses, and a rule per entry with an answer."""
    topics: dict[str, list[Entry]] = {}
    for id_, entry in base.entries.items():
        topics.setdefault(base.places[id_].page.path.stem, []).append(entry)
    nlu = {f"data/nlu/{topic}.yml": _topic(base, entries) for topic, entries in topics.items()}
    answered = [entry for entry in base.entries.values() if entry.answers is not None]
    texts = [
        text
        for entry in base.entries.values()
        for language in LANGUAGES
        for text in entry.examples.in_language(language)
    ]
    rules = [{"rule": entry.id, "steps": [{"intent": entry.id}, {"action": f"utter_{entry.id}"}]} for entry in answered]
    return {
        "config.yml": _config(texts, epochs),
        "domain.yml": _domain(list(base.entries), answered),
        "data/rules.yml": dumped({"version": VERSION, "rules": rules}),
        **nlu,
    }


def nlu_project(intent_texts: Iterable[tuple[str, Sequence[str]]], epochs: int) -> dict[str, str]:
    """The project that trains these intents, by file name, without responses."""
    intents = [(intent, [_line(text) for text in texts]) for intent, texts in intent_texts]
    nlu = [{"intent": intent, "examples": _block(texts)} for intent, texts in intents]
    return {
        "config.yml": _config([text for _, texts in intents for text in texts], epochs),
        "domain.yml": _domain([intent for intent, _ in intents], ()),
        "data/nlu/all.yml": dumped({"version": VERSION, "nlu": nlu}),
    }


def _config(texts: Iterable[str], epochs: int) -> str:
    """Rasa's default pipeline without FallbackClassifier, whose decision is our policy's.

    With Chinese texts Jieba splits words. It keeps Latin words whole, so one model serves both languages.
    """
    chinese = any(HAN.search(text) for text in texts)
    pipeline: list[dict[str, Any]] = [
        {"name": "JiebaTokenizer" if chinese else "WhitespaceTokenizer"},
        {"name": "RegexFeaturizer"},
        {"name": "LexicalSyntacticFeaturizer"},
        {"name": "CountVectorsFeaturizer"},
        {"name": "CountVectorsFeaturizer", "analyzer": "char_wb", "min_ngram": 1, "max_ngram": 4},
        {"name": "DIETClassifier", "epochs": epochs, "constrain_similarities": True, "random_seed": _SEED},
    ]
    language = "zh" if chinese else "en"
    about = {"recipe": "default.v1", "assistant_id": METADATA_KEY, "language": language}
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
    for one in entry.wordings():
        when = [{"type": "slot", "name": "language", "value": one.language}]
        channel = {} if one.channel == DEFAULT else {"channel": one.channel}
        yield {"text": one.text, "condition": when, **channel}


def _topic(base: Base, entries: Sequence[Entry]) -> str:
    heading = base.places[entries[0].id].page.content["topic"]
    return dumped({"version": VERSION, "nlu": [_intent(entry, heading) for entry in entries]})


def _intent(entry: Entry, heading: Mapping[str, str]) -> dict[str, Any]:
    rest = entry.model_dump(mode="json", exclude={"id", "examples", "answers"}, exclude_defaults=True)
    about = {METADATA_KEY: {"topic": dict(heading), **rest}}
    return {"intent": entry.id, "metadata": about, "examples": _examples(entry)}


def _examples(entry: Entry) -> Any:
    """Rasa's short form if the language of each text follows from its letters, else a list with metadata."""
    texts = [(_line(text), language) for language in LANGUAGES for text in entry.examples.in_language(language)]
    if all(language_of(text) == language for text, language in texts):
        return _block([text for text, _ in texts])
    return [{"text": text, "metadata": {"language": language}} for text, language in texts]


def language_of(text: str) -> Language:
    """The language of a text by its letters."""
    return "zh" if script_of(text, "en") == "zh" else "en"


def _line(text: str) -> str:
    """The text on one line, as Rasa requires. `](` and `]{` would begin an entity, so a space is put in between."""
    return _LOOKS_LIKE_AN_ENTITY.sub("] ", " ".join(text.split()))


class _Block(str):
    """Text written in YAML's literal style (|)."""

    __slots__ = ()


def _block(texts: Sequence[str]) -> _Block:
    return _Block("".join(f"- {text}\n" for text in texts))


class _Dumper(yaml.SafeDumper):
    """Without anchors and aliases, which Rasa's YAML reader refuses."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's signature
        return True


_Dumper.add_representer(
    _Block, lambda dumper, block: dumper.represent_scalar("tag:yaml.org,2002:str", str(block), style="|")
)


def dumped(content: Any) -> str:
    return yaml.dump(content, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=110)


def write(files: Mapping[str, str], folder: Path) -> None:
    """Write files below `folder`, replacing existing ones."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
