"""`yingda rasa`: export and import Rasa projects; train and serve Rasa for the engine `rasa`."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from bot.app.channels import CHANNELS
from bot.cli.common import (
    DEFAULT_CONFIG,
    AsJson,
    ConfigPath,
    load_deployment,
    out,
    progress,
    reporting_errors,
    say,
    say_error,
    terminal_language,
)
from bot.cli.editions import active_edition
from bot.cli.train import Despite
from bot.cli.train import command as train
from bot.config import Deployment
from bot.errors import ConfigProblem, EngineFailed, SettingError
from bot.intents.skills import SKILLS
from bot.knowledge.entries import PHRASES, load, read
from bot.rasa import NAME, PROGRAM, models_of
from bot.rasa.export import project, write
from bot.rasa.importer import ImportResult, import_facts
from bot.rasa.project_files import read_project
from bot.rasa.runner import RasaRunner
from bot.rasa.training import train_model, training_data

app = typer.Typer(no_args_is_help=True, help="Rasa: export, import, train, serve. 与 Rasa 互通")
Folder = Annotated[Path, typer.Argument(help="The folder of a Rasa project. Rasa 项目目录")]
Program = Annotated[
    Path, typer.Option(envvar="YINGDA_RASA_PROGRAM", help="Rasa's own program, from `make rasa`. Rasa 程序")
]
Into = Annotated[Path | None, typer.Option(help="Where to write; left out: the knowledge base. 写入目录")]


@app.command("export")
def export(folder: Folder, config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Write the knowledge base as a Rasa 3 project: NLU, responses, rules, config, domain. 导出为 Rasa 项目"""
    with reporting_errors():
        deployment = load_deployment(config)
        base = load(Path(deployment.config.knowledge_base), SKILLS, CHANNELS)
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise SettingError(ConfigProblem.of(folder, 0, "export", "problem.export_not_empty"))
        files = project(base, deployment.config.intents.rasa.epochs)
        write(files, folder)
    say("cli.rasa.exported", folder=folder, intents=len(base.entries), files=len(files))


@app.command("import")
def import_(folder: Folder, into: Into = None, config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Write a Rasa project's intents and FAQ responses as entries, and say what was dropped. 导入 Rasa 项目

    Reads the YAML of Rasa 2 and 3; runs nothing of it. Overwrites no file. Writes nothing
    while a file of the project cannot be read, and ends with 1 if anything was left out that Rasa's format has a place
    for, if no entry has an answer, or if what was written cannot be read again.
    """
    with reporting_errors():
        target = into or Path(load_deployment(config).config.knowledge_base)
        found = import_facts(read_project(folder), CHANNELS)
        if found.unread:
            raise SettingError(*found.unread, ConfigProblem.of(folder, 0, "import", "rasa.some_unreadable"))
        written = _write_new(found, target)
        problems = _read_problems(target)
    if as_json:
        left = [one.as_json() for one in (*found.left, *found.lost, *problems)]
        written_to = [str(path) for path in written]
        about = {"entries": found.entries, "examples": found.examples, "files": written_to, "left": left}
        about |= {
            "answered": found.answered,
            "lost": [one.as_json() for one in found.lost],
            "good": _succeeded(found, problems),
        }
        out.print_json(json.dumps(about, ensure_ascii=False))
    else:
        _print_import(found, problems, written)
    raise typer.Exit(0 if _succeeded(found, problems) else 1)


def _read_problems(target: Path) -> list[ConfigProblem]:
    """The problems of reading the written knowledge base again."""
    problems, phrases = read(target, SKILLS, CHANNELS)[1], target / PHRASES
    # a folder given with --into may lack the phrases
    return [one for one in problems if phrases.exists() or one.file != str(phrases)]


def _succeeded(found: ImportResult, wrong: Sequence[ConfigProblem]) -> bool:
    return not wrong and not found.lost and found.answered > 0


def _print_import(found: ImportResult, wrong: Sequence[ConfigProblem], written: Sequence[Path]) -> None:
    _print_grouped(found.left, "!")
    _print_grouped(found.lost, "✗")
    _print_grouped(wrong, "✗")
    result = "cli.rasa.imported" if _succeeded(found, wrong) else "cli.rasa.partly"
    say(result, entries=found.entries, examples=found.examples, files=", ".join(path.name for path in written))
    if found.lost:
        say("cli.rasa.lost", count=len(found.lost))
    if wrong:
        say("cli.rasa.unreadable")
    if found.answered < found.entries:
        say("cli.rasa.unanswered", count=found.entries - found.answered)
    say("cli.rasa.left", count=len(found.left))


def _write_new(found: ImportResult, target: Path) -> list[Path]:
    """Write all files and return their paths; none if one of them exists. Raises SettingError."""
    paths = {target / name: text for name, text in found.topics.items()}
    there = [path for path in paths if path.exists()]
    if there:
        raise SettingError(*(ConfigProblem.of(path, 0, "import", "rasa.exists") for path in there))
    write(found.topics, target)
    return list(paths)


def _print_grouped(problems: Sequence[ConfigProblem], mark: str) -> None:
    """Print the first of the problems with the same file, key and message, and the number of the others."""
    alike: dict[tuple[str, str, str], list[ConfigProblem]] = {}
    for one in problems:
        alike.setdefault((one.file, one.key, str(one.message)), []).append(one)
    for first, *others in alike.values():
        out.print(f"{mark} {first.text(terminal_language())}", markup=False)
        if others:
            say("cli.rasa.more", count=len(others), line=others[-1].line)


@app.command("train")
def train_(
    program: Program = PROGRAM, config: ConfigPath = DEFAULT_CONFIG, despite: Despite = False, as_json: AsJson = False
) -> None:
    """Let Rasa learn the knowledge base, then make it live for both engines. 让 Rasa 学习知识库并发布

    A model of the same examples is not trained again. Takes minutes: Rasa learns twice, the first time to be examined.
    """
    with reporting_errors():
        deployment = load_deployment(config)
        base = load(Path(deployment.config.knowledge_base), SKILLS, CHANNELS)
        data = training_data(base, deployment)
        runner = RasaRunner(program, models_of(deployment), deployment.config.intents.rasa.token)
        try:
            with progress() as show:
                train_model(runner, data, show)
        except EngineFailed as failed:
            say_error("cli.rasa.failed", reason=failed)
            raise typer.Exit(1) from failed
    if not as_json:
        say("cli.rasa.learned", model=data.name, intents=len(data.intent_texts))
    train(config, despite=despite, as_json=as_json)


@app.command("serve")
def serve(program: Program = PROGRAM, config: ConfigPath = DEFAULT_CONFIG) -> None:
    """Serve the active edition's model where intents.rasa.url says, until it is stopped. 启动 Rasa 服务"""
    with reporting_errors():
        deployment = load_deployment(config)
        runner = RasaRunner(program, models_of(deployment), deployment.config.intents.rasa.token)
        model = _active_model(deployment, runner)
        address = urlsplit(deployment.config.intents.rasa.url)
        arguments = runner.arguments(model, address.hostname or "127.0.0.1", address.port or 5005)
    say("cli.rasa.serving", model=model.name, url=deployment.config.intents.rasa.url)
    # replaces this process, so that signals of a service manager reach Rasa
    os.execve(arguments[0], arguments, runner.environment)  # noqa: S606 - our own program, and no shell


def _active_model(deployment: Deployment, runner: RasaRunner) -> Path:
    """The file of the active edition's Rasa model. Raises SettingError if there is none."""
    edition = active_edition(deployment)
    known = edition.external_models.get(NAME) if edition else None
    if known is None or not runner.model(known.model).is_file():
        code = "rasa.no_model_of_edition" if edition else "rasa.no_model_published"
        number = edition.number if edition else 0
        raise SettingError(ConfigProblem.of(runner.folder, 0, NAME, code, number=number))
    return runner.model(known.model)
