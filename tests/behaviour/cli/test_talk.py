"""`yingda talk` tells what comes of whole conversations and whether it holds, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from support.dialogue_trials import Trials, trials_in
from support.docs_pages import importing
from support.running_product import eventually
from support.services import postgres_database
from support.small_knowledge_base import kiosk

from bot.channels.twitter.channel import POST
from bot.text import measure

RETURN = {"say": "怎么退货"}
PERSON = {"say": "转人工"}
LINKING = ({"say": "查积分"}, {"say": "13800000001"})
KEYS = ["decision", "confidence", "entry", "asks", "offers", "reply", "case", "priority"]
KEYS += ["public", "linked", "language", "holds", "failed"]


@pytest.fixture(scope="module")
def trials(tmp_path_factory: pytest.TempPathFactory, shipped_edition: tuple[str, bytes]) -> Trials:
    return trials_in(tmp_path_factory.mktemp("trials"), shipped_edition)


def test_a_dialogue_that_holds_is_shown_turn_by_turn(trials: Trials) -> None:
    expect = {"decision": ["answer"], "entry": ["return-goods"], "case": "none", "language": "zh", "silent": False}
    file = trials.file([{"name": "a return", "channel": "wechat", "turns": [{**RETURN, "expect": expect}, PERSON]}])
    ran = trials.talks(file)
    assert ran.exit_code == 0, ran.output
    lines = ran.stdout.splitlines()
    assert lines[:2] == ["✓ a return", "  ✓ say: 怎么退货"]
    assert re.fullmatch(r"    answer 0\.\d\d return-goods · language: zh", lines[2])
    assert any("申请退货" in line for line in lines)
    assert any("· case: open" in line for line in lines)
    assert lines[-1] == "1 of 1 dialogues hold"


def test_what_does_not_hold_is_named_with_what_was_expected(trials: Trials) -> None:
    wrong = {"name": "wrong", "turns": [{**RETURN, "expect": {"decision": ["handoff", "quiet"], "case": "open"}}]}
    ran = trials.talks(trials.file([wrong, {"name": "right", "turns": [RETURN]}]))
    assert ran.exit_code == 1
    assert "✗ wrong\n  ✗ say: 怎么退货\n" in ran.stdout
    assert "    ✗ expected decision: [handoff, quiet]\n    ✗ expected case: open\n" in ran.stdout
    assert "✓ right" in ran.stdout
    assert ran.stdout.endswith("1 of 2 dialogues hold\n")


def test_every_key_is_checked(trials: Trials) -> None:
    never: dict[str, Any] = {"decision": ["quiet"], "entry": ["hello"], "asks": "choice", "offers": ["hello"]}
    never |= {"not_entry": ["hello", "return-goods"], "case": "ended", "priority": "raised", "public": True}
    never |= {"linked": True, "language": "en", "silent": True}
    (came,) = trials.plays({**RETURN, "expect": never})
    assert came["failed"] == list(never)


def test_json_has_what_came_of_each_turn(trials: Trials) -> None:
    file = trials.file([{"name": "a", "turns": [RETURN, {"kind": "image"}, {"do": "claim"}, {"wait": 5}]}])
    ran = trials.talks(file, "--json")
    found = json.loads(ran.stdout)
    (played,) = found["dialogues"]
    assert (found["held"], found["of"], played["name"], played["holds"]) == (1, 1, "a", True)
    assert [list(turn) for turn in played["turns"]] == [[first, *KEYS] for first in ("say", "kind", "do", "wait")]
    answer, picture, claim, _wait = played["turns"]
    assert (answer["decision"], answer["entry"], answer["case"], answer["language"]) == (
        "answer", "return-goods", "none", "zh",
    )  # fmt: skip
    assert (picture["decision"], picture["case"], picture["priority"]) == ("handoff", "open", "ordinary")
    assert (claim["decision"], claim["reply"], claim["language"], claim["case"]) == ("", "", "", "open")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "holds no dialogues"),
        (b"name: a\n", "holds no dialogues"),
        (b"- {name: a, turns: [{say: x}]", "YAML"),
        (b"- {name: a, turns: [{say: x, expct: {}}]}", "dialogues.yaml:1: 0.turns.0.expct"),
        (b"- {name: a, turns: [{say: x, expct: {}}]}", "write expect if you meant that"),
        (b"- name: a\n  channel: fax\n  turns: [{say: x}]", "dialogues.yaml:2: 0.channel: there is no channel fax"),
        (b"- {name: a, turns: []}", "write one at least"),
        (b"- {name: a, turns: [{say: 1380}]}", "put quotes around a number"),
        (b"- {name: a, turns: [{say: x, do: claim}]}", "write one of say or kind, code, do, wait"),
        (b"- {name: a, turns: [{expect: {case: none}}]}", "write one of say or kind, code, do, wait"),
        (b"- {name: a, turns: [{do: leave}]}", "'claim', 'release', 'resolve' or 'hand_back'"),
        (b"- {name: a, turns: [{wait: -1}]}", "write a number above 0"),
        (b"- {name: a, turns: [{say: x, expect: {decision: answer}}]}", "write a list"),
        (b"- {name: a, turns: [{say: x, expect: {public: 'yes'}}]}", "write true or false"),
        (b"- hello", "dialogues.yaml:1: 0"),
        (b"- {name: a, turns: [{say: \0}]}", "U+0000"),
        (b"\xff\xfe", "is not UTF-8"),
        (b"a" * 2_000_001, "divide it into several files"),
        (b"[" * 3_000, "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_played_is_reported_with_the_correction(
    trials: Trials, tmp_path: Path, content: bytes, words: str
) -> None:
    path = tmp_path / "dialogues.yaml"
    path.write_bytes(content)
    ran = trials.talks(str(path))
    assert ran.exit_code == 78
    assert words in ran.stderr
    assert "→" in ran.stderr
    assert "Traceback" not in ran.output


def test_a_missing_file_and_a_folder_are_reported(trials: Trials, tmp_path: Path) -> None:
    for path, words in ((tmp_path / "none.yaml", "is not there"), (tmp_path, "is a folder")):
        ran = trials.talks(str(path))
        assert (ran.exit_code, words in ran.stderr) == (78, True), ran.output


def test_a_byte_order_mark_and_odd_characters_are_taken(trials: Trials, tmp_path: Path) -> None:
    path = tmp_path / "dialogues.yaml"
    path.write_bytes(b'\xef\xbb\xbf- {name: a, turns: [{say: "\\0"}, {say: "\\0\\u202d\\x07 hi"}, {kind: location}]}')
    assert trials.talks(str(path)).exit_code == 0


def test_a_conversation_at_the_terminal(trials: Trials) -> None:
    written = "怎么退货\n\n转人工\n/claim\n在吗\n/hand_back\n/claim\n/code\n/wait 60\n/wait long\n"
    ran = trials.talks(written=written)
    assert ran.exit_code == 0, ran.output
    told = ran.stdout
    assert "return-goods · language: zh\n" in told
    assert "handoff 0.99 person · case: open" in told
    assert "case: ended" in told
    assert "✗ the case does not allow that, or there is no case" in told
    assert "✗ no code was sent" in told
    assert told.count("/wait 60") == 1  # the help, for a command that does not exist


def test_at_the_terminal_the_channel_is_chosen_and_bytes_may_be_odd(trials: Trials) -> None:
    ran = trials.talks("--channel", "twitter", "--json", written="@YunshanTea 怎么退货\n".encode() + b"\xff\n")
    (played,) = json.loads(ran.stdout)["dialogues"]
    assert played["turns"][0]["public"]
    assert len(played["turns"]) == 2
    unknown = trials.talks("--channel", "fax", written="hi\n")
    assert (unknown.exit_code, "no account is on fax" in unknown.stderr) == (78, True)


def test_the_clock_begins_with_the_desk_open_and_moves_only_when_told(trials: Trials) -> None:
    opened, _, closed = trials.plays(PERSON, {"wait": 12 * 3_600}, {"say": "有人吗"})
    assert "第 1 位" in opened["reply"]
    assert "09:00" in closed["reply"]


def test_an_agent_who_is_silent_loses_the_case_while_time_passes(trials: Trials) -> None:
    turns: list[dict[str, Any]] = [
        PERSON,
        {"do": "claim"},
        {"say": "怎么开发票"},
        {"wait": 16 * 60},
        {"do": "claim"},
        {"do": "claim"},
    ]
    came = trials.plays(*turns)
    assert [turn["failed"] for turn in came] == [[], [], [], [], [], ["do"]]


def test_a_code_is_read_from_the_text_message_while_it_is_valid(trials: Trials) -> None:
    *_, linked = trials.plays(*LINKING, {"code": True})
    assert linked["linked"]
    assert "林晓" in linked["reply"]
    *_, late = trials.plays(*LINKING, {"wait": 3_600}, {"code": True, "expect": {"linked": False}})
    assert late["holds"]
    (none,) = trials.plays({"code": True})
    assert none["failed"] == ["code"]


def test_staff_claim_release_resolve_and_hand_back(trials: Trials) -> None:
    steps = [PERSON, *({"do": step} for step in ("claim", "release", "claim", "resolve", "claim"))]
    came = trials.plays(*steps)
    assert [turn["case"] for turn in came] == ["open", "open", "open", "open", "ended", "none"]
    assert [turn["failed"] for turn in came] == [[], [], [], [], [], ["do"]]
    *_, back, answered = trials.plays(PERSON, {"do": "claim"}, {"do": "hand_back"}, RETURN)
    assert (back["case"], answered["decision"], answered["case"]) == ("ended", "answer", "none")


def test_on_x_a_turn_is_a_post_unless_it_says_otherwise(trials: Trials) -> None:
    post, private, message = trials.plays(
        {"say": "@YunshanTea 怎么退货"},
        {"say": "@YunshanTea 查积分"},
        {"say": "查积分", "public": False},
        channel="twitter",
    )
    assert (post["entry"], post["public"]) == ("return-goods", True)
    assert measure(post["reply"], POST.unit) <= POST.length
    assert (private["public"], "私信" in private["reply"]) == (True, True)
    assert not message["public"]


def test_a_mention_is_read_as_x_sends_it(trials: Trials) -> None:
    glued, bare = trials.plays({"say": "@YunshanTea停止"}, {"say": "@YunshanTea"}, channel="twitter")
    assert "stop-messages" not in (glued["entry"], *glued["offers"])
    assert (bare["decision"], bare["reply"]) == ("quiet", "")


def test_dialogues_know_nothing_of_each_other(trials: Trials) -> None:
    one = {"turns": [{**PERSON, "expect": {"linked": False}}, {"do": "claim"}]}
    linking = {"turns": [*LINKING, {"code": True, "expect": {"linked": True}}]}
    many = [{"name": f"{number}", **kind} for number in range(6) for kind in (one, linking)]
    ran = trials.talks(trials.file(many), "--json")
    found = json.loads(ran.stdout)
    assert found["held"] == len(many)  # more codes than one member gets in a day
    replies = [played["turns"][0]["reply"] for played in found["dialogues"][::2]]
    assert all("第 1 位" in reply for reply in replies)


def test_a_base_that_was_never_trained_is_trained_first(tmp_path: Path) -> None:
    _, config = kiosk(tmp_path)
    (came,) = Trials(config).plays({"say": "hello"})  # the JSON is all that is printed on stdout
    assert came["decision"]


def test_nothing_is_left_in_the_deployment(tmp_path: Path, shipped_edition: tuple[str, bytes]) -> None:
    trials = trials_in(tmp_path, shipped_edition, mode="live", secret="s" * 32, members={"kind": "none"})
    trials.plays(RETURN, PERSON, {"do": "claim"})
    assert {path.name for path in (tmp_path / "var").iterdir()} <= {"record.sqlite"}


@pytest.mark.parametrize(
    "desk", [{"hours": {}}, {"hours": {"wed": ["18:00-20:00"]}}, {"hours": {"wed": ["09:00-21:00"]}}]
)
def test_the_desk_is_open_at_the_beginning_whatever_its_hours(
    tmp_path: Path, shipped_edition: tuple[str, bytes], desk: dict[str, Any]
) -> None:
    trials = trials_in(tmp_path, shipped_edition, desk=desk, timezone="America/New_York")
    (came,) = trials.plays(PERSON)
    assert "第 1 位" in came["reply"]


def test_an_account_of_the_deployment_is_played_by_its_own_rules(
    tmp_path: Path, shipped_edition: tuple[str, bytes]
) -> None:
    account = {"name": "ours", "channel": "twitter", "user_id": "4242", "write_first": True, "access_token": "k"}
    account |= {"consumer_key": "k", "consumer_secret": "s" * 20, "access_token_secret": "s" * 20}
    (came,) = trials_in(tmp_path, shipped_edition, accounts=[account]).plays({"say": "查积分"}, channel="twitter")
    assert "recipient_id=4242" in came["reply"]
    assert "我只在私信里说" in came["reply"]  # the direct message, which this account may write first
    assert came["public"]


def test_an_account_with_wrong_settings_is_reported(tmp_path: Path, shipped_edition: tuple[str, bytes]) -> None:
    trials = trials_in(tmp_path, shipped_edition, accounts=[{"name": "tea", "channel": "wechat"}])
    ran = trials.talks(trials.file([{"name": "a", "turns": [RETURN]}]))
    assert (ran.exit_code, "accounts.0.app_id" in ran.stderr) == (78, True), ran.output


# On PostgreSQL the scratch database is a schema.


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    yield from postgres_database()


def schemas(server: str) -> list[str]:
    with psycopg.connect(server, autocommit=True) as connection:
        rows = connection.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'yingda%'").fetchall()
    return [name for (name,) in rows]


@pytest.mark.postgres
def test_on_postgresql_nothing_is_left_either(server: str, tmp_path: Path, shipped_edition: tuple[str, bytes]) -> None:
    trials = trials_in(tmp_path, shipped_edition, database=server)
    came = trials.plays(PERSON, {"do": "claim"}, {"wait": 60}, {"do": "hand_back"}, *LINKING, {"code": True})
    assert came[-1]["linked"]
    assert schemas(server) == []
    with psycopg.connect(server) as connection:
        assert connection.execute("SELECT count(*) FROM customers").fetchone() == (0,)
    _interrupted(trials, server, signal.SIGINT)
    _interrupted(trials, server, signal.SIGTERM)
    _refused(trials, server)


def _interrupted(trials: Trials, server: str, number: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "bot", "talk", "--config", str(trials.config)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=os.environ | importing(trials.config.parent),
    )  # fmt: skip
    eventually(lambda: schemas(server), "the scratch schema is there", 30)
    process.send_signal(number)
    _out, said = process.communicate(timeout=30)
    assert process.returncode
    assert b"Traceback" not in said
    assert schemas(server) == []


def _refused(trials: Trials, server: str) -> None:
    """A user who may do everything but make a schema hears what to do."""
    who = f"talker_{os.getpid()}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {who} LOGIN".encode())
        try:
            connection.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {who}".encode())
            config = trials.config.read_text(encoding="utf-8")
            trials.config.write_text(config.replace("//postgres@", f"//{who}@"), encoding="utf-8")
            ran = trials.talks(trials.file([{"name": "a", "turns": [RETURN]}]))
            assert (ran.exit_code, f" TO {who};" in ran.stderr) == (78, True), ran.output
        finally:
            connection.execute(f"DROP OWNED BY {who}".encode())
            connection.execute(f"DROP ROLE {who}".encode())
