"""`yingda rasa`: the knowledge base as a Rasa project and back, and Rasa trained and served for engine `rasa`."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from bot.chinese import told
from bot.commands.ground import DEFAULT, AsJson, ConfigPath, deployment, err, out, spoken, told_plainly
from bot.commands.knowing import edition_now
from bot.commands.learning import lesson_of, models_of
from bot.commands.progress import progress
from bot.commands.train import Despite
from bot.commands.train import command as train
from bot.config import Deployment
from bot.errors import EngineFailed, Mistake, SettingError
from bot.intents.rasa import NAME
from bot.intents.skills import SKILLS
from bot.knowledge.entries import PHRASES, load, read
from bot.knowledge.rasa import Imported, imported, project, read_project
from bot.knowledge.rasa.project import write
from bot.services.rasa import PROGRAM, Workshop
from bot.services.rasa.school import attend

app = typer.Typer(no_args_is_help=True, help="Rasa: export, import, train, serve. 与 Rasa 互通")
Folder = Annotated[Path, typer.Argument(help="The folder of a Rasa project. Rasa 项目目录")]
Program = Annotated[
    Path, typer.Option(envvar="YINGDA_RASA_PROGRAM", help="Rasa's own program, from `make rasa`. Rasa 程序")
]
Into = Annotated[Path | None, typer.Option(help="Where to write; left out: the knowledge base. 写入目录")]


@app.command("export")
def export(folder: Folder, config: ConfigPath = DEFAULT) -> None:
    """Write the knowledge base as a Rasa 3 project: NLU, responses, rules, config, domain. 导出为 Rasa 项目"""
    with told_plainly():
        ready = deployment(config)
        base = load(Path(ready.config.knowledge_base), SKILLS)
        _refuse_a_full(folder)
        files = project(base, ready.config.intents.rasa.epochs)
        write(files, folder)
    out.print(f"✓ {folder}: {len(base.entries)} intents in {len(files)} files / 已导出", markup=False)


def _refuse_a_full(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        mend = "name a folder that is not there yet, or empty; nothing was written"
        raise SettingError(Mistake(str(folder), 0, "export", "is there already and not empty", mend))


@app.command("import")
def import_(folder: Folder, into: Into = None, config: ConfigPath = DEFAULT, as_json: AsJson = False) -> None:
    """Write a Rasa project's intents and FAQ responses as entries, and say what was dropped. 导入 Rasa 项目

    Reads the YAML of Rasa 2 and 3 and the Markdown of Rasa 1; runs nothing of it. Overwrites no file. Writes nothing
    while a file of the project cannot be read, and ends with 1 if anything was left out that Rasa's format has a place
    for, if no entry has an answer, or if what was written cannot be read again.
    """
    with told_plainly():
        target = into or Path(deployment(config).config.knowledge_base)
        found = imported(read_project(folder))
        if found.unread:
            wrong = "nothing was written: not every file can be read"
            mend = "mend what stands above, or take the file out"
            raise SettingError(*found.unread, Mistake(str(folder), 0, "import", wrong, mend))
        written = _written(found, target)
        again = _read_again(target)
    if as_json:
        left = [asdict(one) for one in (*found.left, *found.lost, *again)]
        written_to = [str(path) for path in written]
        about = {"entries": found.entries, "examples": found.examples, "files": written_to, "left": left}
        about |= {"answered": found.answered, "lost": [asdict(one) for one in found.lost], "good": _good(found, again)}
        out.print_json(json.dumps(about, ensure_ascii=False))
    else:
        _tell_import(found, again, written)
    raise typer.Exit(0 if _good(found, again) else 1)


def _read_again(target: Path) -> list[Mistake]:
    """What is wrong with the base that came of it. A folder of its own may lack the phrases."""
    mistakes, phrases = read(target, SKILLS)[1], target / PHRASES
    return [one for one in mistakes if phrases.exists() or one.file != str(phrases)]


def _good(found: Imported, wrong: Sequence[Mistake]) -> bool:
    return not wrong and not found.lost and found.answered > 0


def _tell_import(found: Imported, wrong: Sequence[Mistake], written: Sequence[Path]) -> None:
    _tell(found.left, "!")
    _tell(found.lost, "✗")
    _tell(wrong, "✗")
    names, good = ", ".join(path.name for path in written), _good(found, wrong)
    said = f"{found.entries} entries, {found.examples} examples: {names}"
    out.print(f"✓ {said} / 已导入" if good else f"✗ not all of it: {said} / 未能全部导入", markup=False)
    if found.lost:
        out.print(f"  {len(found.lost)} things were lost; see ✗ above / 有 {len(found.lost)} 处丢失，见上面的 ✗")
    if wrong:
        out.print("  what was written cannot be read as a knowledge base yet / 写出的文件还不能作为知识库读取")
    if found.answered < found.entries:
        people = found.entries - found.answered
        out.print(f"  {people} entries have no answer: a person answers / {people} 个条目没有答案，由人工回答")
    left = len(found.left)
    out.print(f"  {left} things to look at; then run yingda check / {left} 处需要查看，然后运行 yingda check")


def _written(found: Imported, target: Path) -> list[Path]:
    """Writes all files, or none if one of them is there."""
    paths = {target / name: text for name, text in found.topics.items()}
    there = [path for path in paths if path.exists()]
    if there:
        mend = "rename it, or import into another folder with --into; nothing was written"
        raise SettingError(*(Mistake(str(path), 0, "import", "is there already", mend) for path in there))
    write(found.topics, target)
    return list(paths)


def _tell(mistakes: Sequence[Mistake], mark: str) -> None:
    """The first of those that say the same of the same thing, and how many more there are; --json has them all."""
    alike: dict[tuple[str, str, str], list[Mistake]] = {}
    for one in mistakes:
        alike.setdefault((one.file, one.key, one.wrong), []).append(one)
    for first, *others in alike.values():
        out.print(f"{mark} {told(first, spoken())}", markup=False)
        if others:
            out.print(f"    … {len(others)} more, to line {others[-1].line} / 另有 {len(others)} 处", markup=False)


@app.command("train")
def train_(
    program: Program = PROGRAM, config: ConfigPath = DEFAULT, despite: Despite = False, as_json: AsJson = False
) -> None:
    """Let Rasa learn the knowledge base, then make it live for both engines. 让 Rasa 学习知识库并发布

    A model of the same examples is not trained again. Takes minutes: Rasa learns twice, the first time to be examined.
    """
    with told_plainly():
        ready = deployment(config)
        base = load(Path(ready.config.knowledge_base), SKILLS)
        lesson = lesson_of(base, ready)
        workshop = Workshop(program, models_of(ready), ready.config.intents.rasa.token)
        try:
            with progress() as show:
                attend(workshop, lesson, show)
        except EngineFailed as failed:
            err.print(f"✗ {failed} / Rasa 训练失败", markup=False)
            raise typer.Exit(1) from failed
    if not as_json:
        out.print(f"✓ {lesson.name}: Rasa has learned {len(lesson.taught)} intents / Rasa 已学会")
    train(config, despite=despite, as_json=as_json)


@app.command("serve")
def serve(program: Program = PROGRAM, config: ConfigPath = DEFAULT) -> None:
    """Serve the active edition's model where intents.rasa.url says, until it is stopped. 启动 Rasa 服务"""
    with told_plainly():
        ready = deployment(config)
        workshop = Workshop(program, models_of(ready), ready.config.intents.rasa.token)
        model = _trained(ready, workshop)
        address = urlsplit(ready.config.intents.rasa.url)
        arguments = workshop.arguments(model, address.hostname or "127.0.0.1", address.port or 5005)
    out.print(f"{model.name} at {ready.config.intents.rasa.url} / Rasa 服务地址", markup=False)
    os.execve(arguments[0], arguments, workshop.environment)  # noqa: S606 - our own program, and no shell


def _trained(ready: Deployment, workshop: Workshop) -> Path:
    edition = edition_now(ready)
    known = edition.others.get(NAME) if edition else None
    if known is None or not workshop.model(known.model).is_file():
        wrong = f"has no model of edition {edition.number}" if edition else "has no model: nothing is published"
        raise SettingError(Mistake(str(workshop.folder), 0, NAME, wrong, "yingda rasa train"))
    return workshop.model(known.model)
