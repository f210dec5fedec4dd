"""`yingda evaluate`: measure how well engines understand texts that they were not trained on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, get_args

import typer

from bot.app.channels import CHANNELS
from bot.app.parts import TRAINERS
from bot.app.storage import open_storage
from bot.cli.common import (
    CANNOT_JUDGE,
    DEFAULT_CONFIG,
    AsJson,
    ConfigPath,
    Show,
    load_deployment,
    out,
    progress,
    reporting_errors,
    say_error,
    terminal_language,
)
from bot.cli.editions import training_encoder
from bot.cli.evaluate_history import DAYS, export, history_json, judge, print_history, results_of
from bot.cli.report import write_report
from bot.cli.report.tables import Measured, measured, print_results, results_json
from bot.config import OwnEncoder, missing_part
from bot.errors import ConfigProblem, EngineFailed, SettingError
from bot.evaluation import regression_tests
from bot.evaluation.datasets import Labelled, label_names, other_encodings, read_dataset, read_out_of_scope
from bot.evaluation.learning_curves import learning_curve
from bot.evaluation.runner import (
    EvaluationPlan,
    evaluate,
    out_of_scope_rows,
    plan_for_base,
    plan_from_files,
    plan_with_folds,
    promise_of,
    training_rows,
)
from bot.evaluation.trainers import Promise, Trainer
from bot.i18n import Message, message, translate
from bot.intents.skills import SKILLS
from bot.knowledge.entries import load
from bot.ports.nlu import Encoder

DEFAULT_TARGET = 0.95  # precision, where no configuration gives one
ENCODERS = ", ".join(get_args(OwnEncoder.model_fields["kind"].annotation))
_TSV = "TSV under the heading text<TAB>label; may be given more than once"
Train = Annotated[list[Path] | None, typer.Option(help=f"Texts to teach: {_TSV}. 训练文件")]
Test = Annotated[list[Path] | None, typer.Option(help=f"Texts to ask: {_TSV}. 测试文件")]
Oos = Annotated[
    list[str] | None,
    typer.Option(help=f"Texts that nothing answers, as near=FILE, far=FILE or FILE: {_TSV}. 范围外文件"),
]
Engine = Annotated[list[str] | None, typer.Option(help="The engine; several are compared: a,b or given again. 引擎")]
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
    """The files of labelled texts."""

    train: Sequence[Path]  # texts to train on
    test: Sequence[Path]  # texts to ask
    oos: Sequence[str]  # out-of-scope texts to ask: FILE or KIND=FILE


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
    config: ConfigPath = DEFAULT_CONFIG,
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
    if from_record:
        wrong: dict[str, object] = {"--train": train, "--test": test, "--oos": oos, "--learning-curve": learning_curve}
        wrong |= {"--target-precision": target_precision, "--encoder": encoder}
        _refuse_options(wrong, "cli.evaluate.not_with_record")
        options = HistoryOptions(days, engines if fresh or engine else (), with_texts, export)
        _from_record(config, options, report, as_json)
        return
    _refuse_options({"--fresh": fresh, "--with-texts": with_texts, "--export": export}, "cli.evaluate.only_with_record")
    with _evaluating() as show:
        plan = _exam(files, config, target_precision, folds)
        if not plan.rounds:  # no label has two texts, so none could be held out
            file = files.train[0] if files.train else config
            raise SettingError(ConfigProblem.of(file, 0, "text", "dataset.nothing_to_ask"))
        read = _encoder(encoder, config)
        found = [_measure(name, plan, TRAINERS[name](read), show, curve=learning_curve) for name in engines]
        if report:
            write_report(report, found, _about(files), terminal_language())
    if as_json:
        out.print_json(json.dumps(results_json(found), ensure_ascii=False))
    else:
        print_results(found)


@dataclass(frozen=True, slots=True)
class HistoryOptions:
    """The options of --from-record."""

    days: float
    engines: Sequence[str]  # to train on the files and to compare with the live edition
    with_texts: bool
    export: Path | None


def _from_record(config: Path, options: HistoryOptions, report: Path | None, as_program: bool) -> None:
    with _evaluating() as show:
        deployment = load_deployment(config)
        with open_storage(deployment) as storage:
            judged = judge(deployment, storage, options.days, options.engines, show)
        if options.export:
            count = export(judged.gathered, options.export)
            say_error("cli.evaluate.exported", count=count, file=options.export)
        found = results_of(judged, options.with_texts)
        if report and found:
            write_report(report, found, message("evaluation.report.about_customers"), terminal_language())
        elif report:
            say_error("cli.evaluate.no_report")
    if as_program:
        out.print_json(json.dumps(history_json(judged, options.with_texts), ensure_ascii=False))
    else:
        print_history(judged, options.with_texts)


def _refuse_options(options: Mapping[str, object], key: str) -> None:
    """Raises typer.BadParameter with the text `key` for the first option that was given."""
    for name, given in options.items():
        if given:
            raise typer.BadParameter(translate(key, terminal_language(), option=name))


def _about(files: Files) -> Message:
    """What was asked, for the report's heading."""
    names = ", ".join(path.name for path in [*files.train, *files.test])
    return message("evaluation.report.about_files", files=names) if names else message("evaluation.report.about_base")


def _engines(named: Iterable[str] | None) -> list[str]:
    """The engines of --engine, each once, in order. named: also `a,b`. Raises typer.BadParameter."""
    label_names = [name.strip() for some in named or ["semantic"] for name in some.split(",")]
    for name in label_names:
        if name not in TRAINERS:
            known = ", ".join(TRAINERS)
            raise typer.BadParameter(translate("cli.evaluate.no_engine", terminal_language(), name=name, known=known))
    return list(dict.fromkeys(label_names))


def _exam(files: Files, config: Path, target: float | None, folds: int) -> EvaluationPlan:
    """What to train on and what to ask. target: the precision to promise. folds: for cross-validation."""
    for path, encoding in other_encodings([*files.train, *files.test, *files.oos]).items():
        say_error("cli.evaluate.encoding", file=path, encoding=encoding)
    lessons, asked = read_dataset(files.train), read_dataset(files.test)
    outside = (*asked.out_of_scope, *read_out_of_scope(files.oos))
    promise = Promise(target or DEFAULT_TARGET)
    called = label_names(lessons.known)
    if files.train and files.test:
        return plan_from_files(lessons.known, asked.known, outside, promise, lessons.out_of_scope, called)
    if files.train:
        return plan_with_folds(lessons.known, outside, promise, folds, outside=lessons.out_of_scope, label_names=called)
    return _base_exam(config, asked.known, outside, target, folds)


def _base_exam(
    config: Path, asked: Sequence[Labelled], outside: Sequence[Labelled], target: float | None, folds: int
) -> EvaluationPlan:
    """The exam on the knowledge base. asked: the texts of --test; empty means cross-validation."""
    deployment = load_deployment(config)
    folder = Path(deployment.config.knowledge_base)
    base = load(folder, SKILLS, CHANNELS)
    wanted = target or deployment.config.intents.target_precision
    if not outside:  # the questions of tests.yaml that a person must answer are out of scope for the bot
        questions, _ = regression_tests.load(folder, base)
        outside = [Labelled(one.ask, "") for one in questions if one.expect == regression_tests.PERSON]
    if asked:
        return plan_from_files(training_rows(base), asked, outside, promise_of(base, wanted), out_of_scope_rows(base))
    return plan_for_base(base, outside, wanted, folds)


def _encoder(named: str, config: Path) -> Encoder | None:
    """The encoder for engine `semantic`: that of --encoder, else the configured one; None for the bundled one."""
    if named == "openai" or (not named and config.exists()):
        settings = load_deployment(config).config.intents.encoder
        return training_encoder(settings.model_copy(update={"kind": named or settings.kind}))
    try:
        settings = OwnEncoder.model_validate({"kind": named or "bundled"})
    except ValueError as unknown:
        text = translate("cli.evaluate.no_encoder", terminal_language(), name=named, known=ENCODERS)
        raise typer.BadParameter(text) from unknown
    if missing := missing_part(settings):
        raise SettingError(ConfigProblem.of("yingda evaluate", 0, "--encoder", missing.key, **missing.values))
    return training_encoder(settings)


def _measure(name: str, plan: EvaluationPlan, trainer: Trainer, show: Show, *, curve: bool) -> Measured:
    evaluated = evaluate(plan, trainer, show)
    return measured(name, evaluated, plan, learning_curve(plan, trainer, show) if curve else ())


@contextmanager
def _evaluating() -> Iterator[Show]:
    """Show progress; print why an evaluation could not be finished and raise typer.Exit(2)."""
    with reporting_errors(CANNOT_JUDGE), progress() as show:
        try:
            yield show
        except EngineFailed as gone:
            say_error("cli.evaluate.engine_failed", reason=gone)
            raise typer.Exit(CANNOT_JUDGE) from gone
