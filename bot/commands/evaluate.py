"""`yingda evaluate`: how well engines understand what they have not learned."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, get_args

import typer

from bot.app import TEACHERS
from bot.commands.from_record import DAYS, export, found_by, judge, judged_json, tell_judged
from bot.commands.ground import CANNOT_LOOK, DEFAULT, AsJson, ConfigPath, deployment, err, out, spoken, told_plainly
from bot.commands.measured import Measured, as_json, measured, tell
from bot.commands.progress import Show, progress
from bot.commands.readers import patient_encoder
from bot.commands.report import write_report
from bot.commands.train import open_record
from bot.config import OwnEncoder, missing_part
from bot.errors import EngineFailed, Mistake, SettingError
from bot.intents.curves import learning_curve
from bot.intents.evaluation import (
    Exam,
    base_exam,
    base_lessons,
    evaluate,
    files_exam,
    folded_exam,
    out_of_scope,
    promised,
)
from bot.intents.labelled import Labelled, names, other_encodings, read_sheet, strangers
from bot.intents.skills import SKILLS
from bot.intents.teaching import Promise, Teacher
from bot.knowledge import regression
from bot.knowledge.entries import Base, load
from bot.ports import Encoder

DEFAULT_TARGET = 0.95
KINDS = ", ".join(get_args(OwnEncoder.model_fields["kind"].annotation))
_TSV = "TSV under the heading text<TAB>label; may be given more than once"
Train = Annotated[list[Path] | None, typer.Option(help=f"Texts to teach: {_TSV}. 训练文件")]
Test = Annotated[list[Path] | None, typer.Option(help=f"Texts to ask: {_TSV}. 测试文件")]
Oos = Annotated[
    list[str] | None,
    typer.Option(help=f"Texts that nothing answers, as near=FILE, far=FILE or FILE: {_TSV}. 范围外文件"),
]
Engine = Annotated[
    list[str] | None, typer.Option(help="What understands; several stand side by side: a,b or given again. 引擎")
]
ByEncoder = Annotated[
    str, typer.Option("--encoder", help="bundled, both or openai; as configured if left out. 向量编码器")
]
Target = Annotated[
    float | None, typer.Option(help="The share of answers that must be right. 目标准确率", min=0.5, max=0.999)
]
Folds = Annotated[int, typer.Option(help="Without --test: in how many turns. 交叉验证折数", min=2, max=20)]
Curve = Annotated[bool, typer.Option(help="Also with 1, 3, 5, 10 ... examples of each intent. 学习曲线")]
Report = Annotated[Path | None, typer.Option(help="Also as a page with pictures, one HTML file. 图文报告")]
FromRecord = Annotated[bool, typer.Option("--from-record", help="Ask what customers asked. 用真实提问评测线上版本")]
Fresh = Annotated[
    bool, typer.Option("--fresh", help="With --from-record: the files too, unpublished. 同时评测未发布的文件")
]
Days = Annotated[float, typer.Option(help="With --from-record: how far back. 最近几天", min=0.01)]
WithTexts = Annotated[bool, typer.Option("--with-texts", help="With --from-record: what customers wrote. 显示顾客原文")]
Export = Annotated[Path | None, typer.Option(help="With --from-record: a TSV for editors to review. 导出供编辑复核")]


@dataclass(frozen=True, slots=True)
class Files:
    """What is taught, what is asked, and what nobody taught."""

    train: Sequence[Path]
    test: Sequence[Path]
    oos: Sequence[str]


def command(  # noqa: PLR0913, PLR0917 - one for each option
    train: Train = None,
    test: Test = None,
    oos: Oos = None,
    engine: Engine = None,
    encoder: ByEncoder = "",
    target_precision: Target = None,
    folds: Folds = 5,
    learning_curve: Curve = False,
    report: Report = None,
    from_record: FromRecord = False,
    fresh: Fresh = False,
    days: Days = DAYS,
    with_texts: WithTexts = False,
    export: Export = None,
    config: ConfigPath = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Measure on files, or on the knowledge base itself by cross-validation. 用测试集或对知识库交叉验证来评测

    --test is asked of what --train taught, or of the knowledge base. Without --test, each text of --train, or each
    example of the knowledge base, is asked of a model that has not learned it. What is mixed up is shown with the
    texts to blame.

    With --from-record the live edition is asked what customers asked, where it is known what they meant: an agent said
    so, they picked it when asked back, or they were answered and content.
    """
    engines = _engines(engine)
    files = Files(train or (), test or (), oos or ())
    _only_with_record(from_record, {"--fresh": fresh, "--with-texts": with_texts, "--export": export})
    if from_record:
        _not_with_record({"--train": train, "--test": test, "--oos": oos, "--learning-curve": learning_curve})
        _not_with_record({"--target-precision": target_precision, "--encoder": encoder})
        asking = Asking(days, engines if fresh or engine else (), with_texts, export)
        _from_record(config, asking, report, as_json)
        return
    with _looking() as show:
        _tell_encodings(files)
        exam = _exam(files, config, target_precision, folds)
        if not exam.rounds:
            raise SettingError(_nothing_to_ask(files, config))
        read = _encoder(encoder, config)
        found = [_held(name, exam, TEACHERS[name](read), show, curve=learning_curve) for name in engines]
        if report:
            write_report(report, found, _about(files), spoken())
    _tell(found, as_json)


@dataclass(frozen=True, slots=True)
class Asking:
    """What the record is asked for. engines: those that are to learn the files, and be judged beside what is live."""

    days: float
    engines: Sequence[str]
    with_texts: bool
    export: Path | None


def _from_record(config: Path, asking: Asking, report: Path | None, as_program: bool) -> None:
    with _looking() as show:
        ready = deployment(config)
        database = open_record(ready)
        try:
            judged = judge(ready, database, asking.days, asking.engines, show)
        finally:
            database.close()
        if asking.export:
            count = export(judged.gathered, asking.export)
            err.print(f"✓ {count} questions in {asking.export} to review / 已导出", markup=False)
        found = found_by(judged, asking.with_texts)
        if report and found:
            write_report(report, found, ("What customers asked", "顾客的真实提问"), spoken())
        elif report:
            err.print("! no report: for none of the questions the right entry is known / 暂无可画的数据")
    if as_program:
        out.print_json(json.dumps(judged_json(judged, asking.with_texts), ensure_ascii=False))
    else:
        tell_judged(judged, asking.with_texts)


def _only_with_record(from_record: bool, options: Mapping[str, object]) -> None:
    for name, given in options.items():
        if given and not from_record:
            raise typer.BadParameter(f"{name} goes with --from-record / {name} 须与 --from-record 一起使用")


def _not_with_record(options: Mapping[str, object]) -> None:
    for name, given in options.items():
        if given:
            raise typer.BadParameter(f"{name} does not go with --from-record / {name} 不能与 --from-record 同用")


def _nothing_to_ask(files: Files, config: Path) -> Mistake:
    """No label has two texts, so none could be held out."""
    mend = "give every label two texts or more, or texts to ask (--test)"
    return Mistake(str(files.train[0] if files.train else config), 0, "text", "no text can be held out", mend)


def _about(files: Files) -> tuple[str, str]:
    """What was asked, in English and in Chinese."""
    names = ", ".join(path.name for path in [*files.train, *files.test])
    return (names, names) if names else ("The knowledge base, asked about itself", "知识库交叉验证")


def _engines(named: Iterable[str] | None) -> list[str]:
    """Each once, in the order in which they were named."""
    names = [name.strip() for some in named or ["semantic"] for name in some.split(",")]
    for name in names:
        if name not in TEACHERS:
            known = ", ".join(TEACHERS)
            raise typer.BadParameter(f"there is no engine “{name}”; there are: {known} / 没有这个引擎")
    return list(dict.fromkeys(names))


def _exam(files: Files, config: Path, target: float | None, folds: int) -> Exam:
    """Rows that say they are out of scope are taught and asked as such."""
    lessons, asked = read_sheet(files.train), read_sheet(files.test)
    outside = (*asked.strangers, *strangers(files.oos))
    promise = Promise(target or DEFAULT_TARGET)
    called = names(lessons.known)
    if files.train and files.test:
        return files_exam(lessons.known, asked.known, outside, promise, lessons.strangers, called)
    if files.train:
        return folded_exam(lessons.known, outside, promise, folds, outside=lessons.strangers, called=called)
    return _base_exam(config, asked.known, outside, target, folds)


def _tell_encodings(files: Files) -> None:
    for path, encoding in other_encodings([*files.train, *files.test, *files.oos]).items():
        err.print(f"· {path} is not UTF-8; it is read as {encoding} / 不是 UTF-8，按 {encoding} 读取", markup=False)


def _base_exam(
    config: Path, asked: Sequence[Labelled], outside: Sequence[Labelled], target: float | None, folds: int
) -> Exam:
    """Where no file has out-of-scope texts, these are the questions of tests.yaml that are a person's."""
    ready = deployment(config)
    folder = Path(ready.config.knowledge_base)
    base = load(folder, SKILLS)
    wanted = target or ready.config.intents.target_precision
    outside = outside or _persons(folder, base)
    if asked:
        return files_exam(base_lessons(base), asked, outside, promised(base, wanted), out_of_scope(base))
    return base_exam(base, outside, wanted, folds)


def _persons(folder: Path, base: Base) -> tuple[Labelled, ...]:
    cases, _ = regression.load(folder, base)
    return tuple(Labelled(case.ask, "") for case in cases if case.expect == regression.PERSON)


def _encoder(named: str, config: Path) -> Encoder | None:
    """What reads texts for engine `semantic`: the encoder that is named, else the configured one; None for the bundled
    one."""
    if named == "openai" or (not named and config.exists()):
        settings = deployment(config).config.intents.encoder
        return patient_encoder(settings.model_copy(update={"kind": named or settings.kind}))
    settings = _plainly(named or "bundled")
    if missing := missing_part(settings):
        wrong, mend = missing
        raise SettingError(Mistake("yingda evaluate", 0, "--encoder", wrong, mend))
    return patient_encoder(settings)


def _plainly(kind: str) -> OwnEncoder:
    try:
        return OwnEncoder.model_validate({"kind": kind})
    except ValueError as unknown:
        raise typer.BadParameter(f"there is no encoder “{kind}”; there are: {KINDS} / 没有这个编码器") from unknown


def _held(name: str, exam: Exam, teacher: Teacher, show: Show, *, curve: bool) -> Measured:
    evaluated = evaluate(exam, teacher, show)
    return measured(name, evaluated, exam, learning_curve(exam, teacher, show) if curve else ())


@contextmanager
def _looking() -> Iterator[Show]:
    """What keeps an evaluation from its end is told plainly."""
    with told_plainly(CANNOT_LOOK), progress() as show:
        try:
            yield show
        except EngineFailed as gone:
            err.print(f"✗ the engine failed ({gone}) / 引擎出错", markup=False)
            raise typer.Exit(CANNOT_LOOK) from gone


def _tell(found: Sequence[Measured], as_program: bool) -> None:
    if as_program:
        out.print_json(json.dumps(as_json(found), ensure_ascii=False))
    else:
        tell(found)
