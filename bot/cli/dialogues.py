"""Reads files of dialogues: what customers write and staff do, turn by turn, and what has to come of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from bot.app.channels import CHANNELS
from bot.errors import ConfigProblem, InvalidValue, SettingError
from bot.yaml_files import problems_of, read_page

LARGEST = 2_000_000  # bytes of a file
Step = Literal["claim", "release", "resolve", "hand_back"]


class _Part(BaseModel):
    """Strict: a number is no text, and 'yes' in quotes is not true."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Expected(_Part):
    """What has to hold after a turn. Only the keys that are written are checked."""

    decision: list[Literal["answer", "ask", "handoff", "quiet"]] = []
    entry: list[str] = []  # the entry served is one of these
    asks: Literal["choice", "slot"] | None = None
    offers: list[str] = []  # all of these are among the choices
    not_entry: list[str] = []  # none of these is answered or offered
    case: Literal["none", "open", "ended"] | None = None
    priority: Literal["raised", "ordinary"] | None = None
    public: bool | None = None
    linked: bool | None = None
    language: Literal["zh", "en"] | None = None
    silent: bool | None = None


class ScriptedTurn(_Part):
    """One of: a message (`say`, `kind`), the last one-time code (`code`), a step of staff (`do`), a `wait`."""

    say: str | None = Field(None, min_length=1)
    kind: Literal["voice", "image", "location"] | None = None  # without it, a text
    code: Literal[True] | None = None
    do: Step | None = None
    wait: int | None = Field(None, gt=0, le=90 * 86_400)  # seconds
    public: bool | None = None  # on a channel with public posts a message is one, unless this is false
    expect: Expected = Expected()

    @model_validator(mode="after")
    def _is_one_thing(self) -> ScriptedTurn:
        message = self.say is not None or self.kind is not None
        if [message, self.code is not None, self.do is not None, self.wait is not None].count(True) != 1:
            raise InvalidValue("dialogues.not_one_thing")
        return self


def _known_channel(name: str) -> str:
    if name not in CHANNELS:
        raise InvalidValue("dialogues.no_channel", channel=name, channels=", ".join(CHANNELS))
    return name


def _some_turns(turns: list[ScriptedTurn]) -> list[ScriptedTurn]:
    if not turns:
        raise InvalidValue("dialogues.no_turns")
    return turns


class Dialogue(_Part):
    """A customer's conversation with the brand."""

    name: str
    channel: Annotated[str, AfterValidator(_known_channel)] = "wechat"
    language: Literal["zh", "en"] | None = None  # the customer's, for people who read the file
    turns: Annotated[list[ScriptedTurn], AfterValidator(_some_turns)]


def read_dialogues(path: Path) -> list[Dialogue]:
    """Raises SettingError for a file that is not a list of dialogues, with every problem and its line."""
    if path.is_file() and path.stat().st_size > LARGEST:
        raise SettingError(ConfigProblem.of(path, 0, path.name, "dialogues.too_large", megabytes=LARGEST // 1_000_000))
    page = read_page(path)
    if not isinstance(page.content, list) or not page.content:
        raise SettingError(ConfigProblem.of(path, page.line(), path.name, "dialogues.none"))
    dialogues: list[Dialogue] = []
    problems: list[ConfigProblem] = []
    for index, item in enumerate(page.content):
        try:
            dialogues.append(Dialogue.model_validate(item))
        except ValidationError as problem:
            problems += problems_of(page, problem, (index,), Dialogue)
    if problems:
        raise SettingError(*problems)
    return dialogues
