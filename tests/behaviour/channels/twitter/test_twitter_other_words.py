"""X forbids to say the same twice; an entry with several wordings is answered in public as often as it has some."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select
from support.twitter_shop import APP, XShop, x_shop

from bot.stores.sql.schema import messages

RETURNS = "怎么退货？"
WORDS = ["七天内可以退。", "没拆的，七天内都能退。", "收到起七天内都可以退货。"]
LONG = "七天内，没拆的都可以退。" * 20


def in_these_words(edition: tuple[str, bytes], *wordings: str, entry: str = "return-goods") -> tuple[str, bytes]:
    """The edition, with an entry that is answered on X in these wordings."""
    content = json.loads(edition[0])
    (found,) = (one for one in content["entries"] if one["id"] == entry)
    found["answers"]["zh"]["twitter"] = list(wordings)
    return json.dumps(content, ensure_ascii=False), edition[1]


@pytest.fixture
def shop(tmp_path: Path, shipped_edition: tuple[str, bytes]) -> Iterator[XShop]:
    url = f"sqlite:///{tmp_path / 'record.sqlite'}"
    with x_shop(tmp_path, url, in_these_words(shipped_edition, *WORDS)) as opened:
        yield opened


def told_in_public(shop: XShop, name: str, text: str = RETURNS) -> str:
    """What somebody who asks on X is answered there: one reply."""
    (reply,) = shop.replies(shop.mentions(shop.platform.person(name), text))
    return reply


def test_the_same_question_within_36_hours_is_answered_in_public_in_other_words(shop: XShop) -> None:
    first, second = told_in_public(shop, "linxiao"), told_in_public(shop, "mei")
    assert first != second
    assert {first, second} <= {*WORDS}
    assert shop.outcomes() == [("sent", "")] * 2  # nothing waits privately for anybody


def test_when_all_wordings_are_used_the_next_asker_is_invited_and_answered_privately(shop: XShop) -> None:
    assert {told_in_public(shop, name) for name in ("linxiao", "mei", "shan")} == {*WORDS}
    dong = shop.platform.person("dong")
    invitation = told_in_public(shop, "dong")
    assert invitation not in WORDS
    shop.writes(dong, "你好")
    assert WORDS[0] in shop.told_privately(dong)[0]


@pytest.mark.parametrize("night", [False, True])
def test_whoever_is_handed_over_in_public_hears_so_there_in_words_without_place_or_wait(
    shop: XShop, night: bool
) -> None:
    shop.clock.move(10 * 3600 if night else 0)
    people = [shop.platform.person(name) for name in ("linxiao", "mei", "shan", "dong", "wen", "yan", "lan")]
    posts = [shop.mentions(person, "转人工") for person in people]
    told = [reply.text for post in posts for reply in shop.platform.replies_to(post.id)]
    assert len({*told}) == len(posts)
    assert all("位" not in text and "分钟" not in text and "私信" not in text for text in told)
    assert all(("09:00" in text) == night for text in told)
    assert not any(shop.told_privately(person) for person in people)


def test_after_36_hours_the_first_wording_is_posted_again(shop: XShop) -> None:
    before = [told_in_public(shop, name) for name in ("linxiao", "mei", "shan")]
    shop.clock.move(36 * 3600 + 60)
    assert {told_in_public(shop, name) for name in ("linxiao", "mei", "shan")} == {*before} == {*WORDS}


def test_of_many_simultaneous_askers_as_many_are_answered_in_public_as_there_are_wordings(shop: XShop) -> None:
    people = [shop.platform.person(f"person{number}") for number in range(12)]
    posts = [shop.platform.create_post(one.id, f"@{APP.username} {RETURNS}") for one in people]
    shop.looks()
    shop.clock.move(30)
    shop.sweep()
    replies = [shop.replies(post) for post in posts]
    assert [len(texts) for texts in replies] == [1] * 12
    assert len({post.text for post in shop.platform.brand_posts()}) == 12
    assert sorted(text for (text,) in replies if text in WORDS) == sorted(WORDS)


def test_the_desk_shows_the_entry_of_every_wording(shop: XShop) -> None:
    texts = [told_in_public(shop, name) for name in ("linxiao", "mei")]
    asked = select(messages.c.text, messages.c.entry, messages.c.confidence).where(messages.c.entry != "")
    rows = shop.run(shop.database.read(lambda one: one.execute(asked).all()))
    assert [row.text for row in rows] == texts
    assert {(row.entry, row.confidence) for row in rows} == {("return-goods", rows[0].confidence)}
    assert rows[0].confidence is not None


def test_private_answers_are_always_in_full_and_not_in_the_wording_for_posts(shop: XShop) -> None:
    lin = shop.platform.person("linxiao")
    shop.writes(lin, RETURNS)
    shop.writes(lin, RETURNS)
    full = shop.yingda.editions.current().answer("return-goods", "zh", "", shop.clock.now())
    assert shop.told_privately(lin) == [full] * 2
    assert full not in WORDS


def test_a_short_wording_is_posted_if_the_first_is_longer_than_a_post(
    tmp_path: Path, shipped_edition: tuple[str, bytes]
) -> None:
    url = f"sqlite:///{tmp_path / 'record.sqlite'}"
    with x_shop(tmp_path, url, in_these_words(shipped_edition, LONG, WORDS[1])) as shop:
        assert told_in_public(shop, "linxiao") == WORDS[1]
        assert shop.outcomes() == [("sent", "")]
        mei = shop.platform.person("mei")
        shop.mentions(mei, RETURNS)
        shop.writes(mei, "你好")
        assert LONG in shop.told_privately(mei)[0]


def test_two_questions_in_one_post_are_also_answered_in_other_words(
    tmp_path: Path, shipped_edition: tuple[str, bytes]
) -> None:
    url = f"sqlite:///{tmp_path / 'record.sqlite'}"
    edition = in_these_words(shipped_edition, "三天送到。", "第三天就到。", entry="delivery-time")
    with x_shop(tmp_path, url, in_these_words(edition, *WORDS)) as shop:
        both = [told_in_public(shop, name, f"{RETURNS}几天能到？") for name in ("linxiao", "mei", "shan")]
        pairs = [(WORDS[0], "三天送到。"), (WORDS[1], "第三天就到。"), (WORDS[2], "三天送到。")]
        assert sorted(both) == sorted(f"{first}\n\n{second}" for first, second in pairs)
