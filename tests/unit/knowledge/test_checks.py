"""Before publishing, an editor sees what is wrong and what is likely to go wrong, with file and line."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.knowledge_base_files import SKILLS, TOPIC, Editor
from support.services import MovableClock
from support.twitter_payloads import settings as x_settings
from support.wechat_payloads import SAFE

from bot.app.channels import CHANNELS, channel_kind
from bot.channels.twitter import TwitterChannel
from bot.channels.twitter.weighted_length import weigh
from bot.channels.wechat import WeChatChannel
from bot.domain.messages import Conversation, Identity
from bot.knowledge.checks import NO_ANSWER, CheckContext, Confusion, ContentFinding, Severity, addresses, check, links
from bot.knowledge.entries import read
from bot.knowledge.similarity import gist, letter_groups, near_pairs, similarity

TODAY = date(2026, 9, 21)
LIMITS = {name: limit for name in CHANNELS if (limit := channel_kind(name).text_limit)}
WECHAT = CheckContext({"wechat": LIMITS["wechat"]})
EVERYWHERE = CheckContext(LIMITS)
ENOUGH = TOPIC.replace("[包邮吗]", "[包邮吗, 运费多少, 邮费怎么算, 满多少免邮, 快递要钱么, 寄西藏贵不贵]").replace(
    "[is delivery free]",
    "[is delivery free, postage, how much is shipping, shipping cost, cheap courier, free over what]",
)


@pytest.fixture
def editor(tmp_path: Path) -> Editor:
    return Editor(tmp_path).writes(ENOUGH)


def findings(editor: Editor, context: CheckContext | None = None) -> list[ContentFinding]:
    base, problems = read(editor.folder, SKILLS, CHANNELS)
    return check(base, problems, TODAY, context or EVERYWHERE)


def warning(editor: Editor, context: CheckContext | None = None) -> ContentFinding:
    (found,) = findings(editor, context)
    assert found.severity is Severity.WARNING
    return found


def test_correct_content_has_no_findings(editor: Editor) -> None:
    assert findings(editor) == []


def test_too_few_examples_are_a_warning(editor: Editor) -> None:
    editor.writes(ENOUGH.replace(", 寄西藏贵不贵", ""))
    found = warning(editor).problem
    assert (found.key, found.line) == ("entries.0.examples.zh", editor.line_of("包邮吗"))
    assert str(found.message).startswith("only 5 of at least 6")


def test_an_answer_too_long_for_wechat_is_a_warning(editor: Editor) -> None:
    editor.writes(ENOUGH.replace("满 99 元包邮。", "茶" * 683))
    found = warning(editor, WECHAT).problem
    assert (found.key, found.line) == ("entries.0.answers.zh.default", editor.line_of("茶茶"))
    assert str(found.message) == "2,049 bytes; WeChat takes 2,047 in one message"


def test_an_answer_that_fits_wechat_or_has_its_own_text_there_gives_no_warning(editor: Editor) -> None:
    editor.writes(ENOUGH.replace("满 99 元包邮。", "茶" * 682))
    assert findings(editor, WECHAT) == []
    words = f"{{default: {'茶' * 683}, wechat: 包邮}}\n      en: {{default: Free., wechat: Free}}"
    editor.writes(ENOUGH.replace("满 99 元包邮。\n      en: Free from ¥99.", words))
    assert findings(editor, WECHAT) == []


@pytest.mark.parametrize(("length", "fits"), [(140, True), (141, False)])
def test_a_post_on_x_holds_140_chinese_characters(editor: Editor, length: int, fits: bool) -> None:
    editor.writes(ENOUGH.replace("满 99 元包邮。", "茶" * length))
    assert (findings(editor) == []) == fits
    assert findings(editor, WECHAT) == []


def test_an_answer_too_long_for_x_is_a_warning_although_others_fit(editor: Editor) -> None:
    words = f"{{default: 包邮, twitter: {'茶' * 141}}}\n      en: {{default: Free., twitter: Free}}"
    editor.writes(ENOUGH.replace("满 99 元包邮。\n      en: Free from ¥99.", words))
    found = warning(editor).problem
    assert found.key == "entries.0.answers.zh.twitter"
    assert str(found.message) == "282 characters (a Chinese one counts 2); X takes 280 in one message"


IN_TWO = "zh:\n        - 满 99 元包邮。\n        - 第二种\n      en: [Free from ¥99., second]"


@pytest.mark.parametrize(
    ("old", "new", "wrong"),
    [
        ("第二种", "茶" * 141, "282 characters (a Chinese one counts 2); X takes 280 in one message"),
        ("第二种", "Free, hooray", "is not in Chinese"),
        ("[Free from ¥99., second]", "[Free from ¥99., 满 99 元包邮哦]", "is not in English"),
        ("第二种", "详见 https://tea.example/gone", "https://tea.example/gone answers 404: it is gone"),
    ],
)
def test_every_wording_of_an_answer_is_checked(editor: Editor, old: str, new: str, wrong: str) -> None:
    written = ENOUGH.replace("zh: 满 99 元包邮。\n      en: Free from ¥99.", IN_TWO.replace(old, new))
    found = warning(editor.writes(written), CheckContext(LIMITS, statuses={GONE: 404, FEES: 200})).problem
    assert str(found.message) == wrong
    assert found.key.endswith("default.1")
    assert found.line == editor.line_of(new)


@pytest.mark.parametrize(
    ("text", "counted"),
    [
        ("abc def", 7),
        ("茶 tea", 6),
        ("满 99 元", 8),
        ("https://example.com/a/very/long/path?of=things ok", 26),
        ("👍🏽👨\u200d👩\u200d👧 ok", 7),
        ("“quoted” – yes…", 16),
        ("cafe\u0301", 4),
    ],
)
def test_a_post_is_counted_as_x_counts_it(text: str, counted: int) -> None:
    assert weigh(text) == counted


def test_a_bare_domain_in_a_post_weighs_as_much_as_an_address(editor: Editor) -> None:
    fits = "茶" * 128 + " t.cn"  # 256 + 1 + 23
    editor.writes(ENOUGH.replace("满 99 元包邮。", fits))
    assert findings(editor) == []
    editor.writes(ENOUGH.replace("满 99 元包邮。", "茶" + fits))
    wrong = "282 characters (a Chinese one counts 2); X takes 280 in one message"
    assert str(warning(editor).problem.message) == wrong


def test_the_checked_text_is_the_one_the_channel_sends() -> None:
    everybody = Identity("i", "c", "shop", "somebody")
    x = TwitterChannel("x", x_settings(), cast(Any, None), MovableClock(0.0))
    public = x.limits(Conversation("c", "x", "twitter", everybody, thread="1"), 0.0)
    assert (public.length, public.unit) == (LIMITS["twitter"].length, LIMITS["twitter"].unit)
    wechat = WeChatChannel("w", SAFE).limits(Conversation("c", "w", "wechat", everybody), 0.0)
    assert (wechat.length, wechat.unit) == (LIMITS["wechat"].length, LIMITS["wechat"].unit)


@pytest.mark.parametrize(("until", "expired"), [("2026-09-20", True), ("2026-09-21", False)])
def test_an_answer_is_expired_on_the_day_after_its_last(editor: Editor, until: str, expired: bool) -> None:
    editor.writes(ENOUGH.replace("    answers:", f"    valid_to: {until}\n    answers:"))
    found = findings(editor)
    assert [one.problem.line for one in found] == ([editor.line_of("valid_to")] if expired else [])


def test_an_example_repeated_in_an_entry_is_a_warning(editor: Editor) -> None:
    editor.writes(ENOUGH.replace("运费多少", "运费多少, 運費多少？"))
    found = warning(editor).problem
    assert str(found.message) == f"“運費多少？” says the same as line {editor.line_of('包邮吗')}"


def test_examples_of_two_entries_that_hardly_differ_are_a_warning(editor: Editor) -> None:
    other = ENOUGH.replace("delivery-fee", "fee").split("zh: [")[0]
    zh = "请问运费是多少呢, 多少运费吗, 甲乙, 丙丁, 戊己, 庚辛"
    en = "cost of the shipping please, one thing, two of them, three more, four there, five here"
    editor.writes(f"{other}zh: [{zh}]\n      en: [{en}]\n    handoff: always\n", "more.yaml")
    found = [str(finding) for finding in findings(editor)]
    assert len(found) == 2
    assert "“多少运费吗” is nearly the same as “运费多少” of delivery-fee" in found[0]
    assert "“cost of the shipping please” is nearly the same as “shipping cost” of delivery-fee" in found[1]
    assert all(f"{editor.folder / 'more.yaml'}:" in one for one in found)


def test_two_entries_examples_that_differ_by_a_letter_or_two_are_a_warning(editor: Editor) -> None:
    other = ENOUGH.replace("delivery-fee", "fee").split("zh: [")[0]
    zh = "甲乙, 丙丁, 戊己, 庚辛, 壬癸, 子丑"
    editor.writes(ENOUGH.replace("free over what", "how much do you charge for shippping"))
    en = "how much do you charge for shipping, one thing, two of them, three more, four there, five here"
    editor.writes(f"{other}zh: [{zh}]\n      en: [{en}]\n    handoff: always\n", "more.yaml")
    found = warning(editor).problem
    assert "“how much do you charge for shipping” is nearly the same as" in str(found.message)
    assert (Path(found.file).name, found.line) == ("more.yaml", editor.line_of("how much", "more.yaml"))


def test_similar_examples_of_one_entry_give_no_warning(editor: Editor) -> None:
    assert findings(editor.writes(ENOUGH.replace("free over what", "shipping costs, shippping cost"))) == []


@given(
    st.lists(st.text(st.sampled_from("ab 茶叶怎么泡"), min_size=1, max_size=12), max_size=25),
    st.sampled_from([0.5, 0.6, 0.8, 0.95]),
)
def test_near_pairs_equal_those_of_a_direct_comparison(texts: list[str], threshold: float) -> None:
    groups = [letter_groups(text) for text in texts]
    every = {
        (later, earlier)
        for later in range(len(texts))
        for earlier in range(later)
        if similarity(groups[later], groups[earlier]) >= threshold
    }
    assert {(later, earlier) for later, earlier, _ in near_pairs(texts, threshold)} == every


def test_an_english_section_with_chinese_in_it_is_a_warning(editor: Editor) -> None:
    found = warning(editor.writes(ENOUGH.replace("free over what", "邮费贵吗"))).problem
    assert str(found.message) == "“邮费贵吗” is Chinese"
    assert found.line == editor.line_of("邮费贵吗")


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [("Free from ¥99.", "满 99 元包邮哦", "en.default"), ("满 99 元包邮。", "Free from ¥99, hooray.", "zh.default")],
)
def test_an_answer_in_the_wrong_language_is_a_warning(editor: Editor, old: str, new: str, key: str) -> None:
    found = warning(editor.writes(ENOUGH.replace(old, new))).problem
    assert found.key == f"entries.0.answers.{key}"
    assert str(found.hint) == "translate it"


def test_an_english_answer_may_name_something_in_chinese(editor: Editor) -> None:
    assert findings(editor.writes(ENOUGH.replace("Free from ¥99.", "Search for 云杉茶 on WeChat."))) == []


def test_words_for_a_channel_in_one_language_only_are_a_warning(editor: Editor) -> None:
    found = warning(editor.writes(ENOUGH.replace("zh: 满 99 元包邮。", "zh: {default: 包邮, twitter: 包}"))).problem
    assert str(found.message) == "has words for twitter in zh only"
    assert (found.key, found.line) == ("entries.0.answers.en", editor.line_of("en: Free"))


def linked(editor: Editor) -> Editor:
    return editor.writes(
        ENOUGH.replace("满 99 元包邮。", "详见 https://tea.example/fees。").replace(
            "Free from ¥99.", "See https://tea.example/gone, or (https://tea.example/fees)."
        )
    )


def test_links_are_listed_with_their_place(editor: Editor) -> None:
    found = links(linked(editor).base())
    assert [(link.address, link.keys[1]) for link in found] == [
        ("https://tea.example/fees", "zh"),
        ("https://tea.example/gone", "en"),
        ("https://tea.example/fees", "en"),
    ]


FEES, GONE = "https://tea.example/fees", "https://tea.example/gone"


def test_links_that_were_not_requested_give_no_warning(editor: Editor) -> None:
    assert addresses(links(linked(editor).base())) == [FEES, GONE]
    assert findings(linked(editor)) == []


def test_a_dead_link_is_a_warning(editor: Editor) -> None:
    found = warning(linked(editor), CheckContext(statuses={FEES: 200, GONE: 404})).problem
    assert str(found.message) == "https://tea.example/gone answers 404: it is gone"
    assert found.line == editor.line_of("/gone")


def test_an_unreachable_server_is_a_warning_unless_all_are_unreachable(editor: Editor) -> None:
    found = warning(linked(editor), CheckContext(statuses={FEES: 403, GONE: NO_ANSWER})).problem
    assert "does not answer" in str(found.message)
    assert findings(linked(editor), CheckContext(statuses={FEES: NO_ANSWER, GONE: NO_ANSWER})) == []


def test_a_link_without_an_answer_in_time_gives_no_warning(editor: Editor) -> None:
    assert findings(linked(editor), CheckContext(statuses={FEES: 200})) == []


def test_confused_entries_are_one_warning_at_the_surest_example(editor: Editor) -> None:
    some = [
        Confusion("delivery-time", "delivery-fee", "how long", 0.4),
        Confusion("delivery-fee", "delivery-time", "运费多少", 0.9),
    ]
    assert findings(editor, CheckContext(confusions=[*some, Confusion("delivery-fee", "other", "postage", 0.8)])) == []
    third = Confusion("delivery-fee", "delivery-time", "postage", 0.5)
    found = warning(editor, CheckContext(confusions=[*some, third])).problem
    assert found.line == editor.line_of("运费多少")
    assert str(found.message) == (
        "delivery-fee and delivery-time were confused 3 times in cross-validation: "
        "“运费多少” → delivery-time, “postage” → delivery-time, “how long” → delivery-fee"
    )


def test_problems_are_errors_and_come_first(editor: Editor) -> None:
    broken = ENOUGH.replace("Free from ¥99.", "It is {free}.").replace(", 寄西藏贵不贵", "")
    found = findings(editor.writes(broken))
    assert [one.severity for one in found] == [Severity.ERROR, Severity.WARNING]
    assert str(found[0]).startswith(
        f"error: {editor.folder / 'delivery.yaml'}:11: entries.0.answers.en.default: {{free}}"
    )


@given(st.text(max_size=60))
def test_every_text_that_is_not_blank_has_a_gist(text: str) -> None:
    assert gist(text) or not text.strip()
