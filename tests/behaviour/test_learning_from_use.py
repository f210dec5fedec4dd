"""What customers and agents do tells what was meant, and the database keeps it."""

from __future__ import annotations

from support.shop import Shop

from bot.evaluation.history import PATIENCE, EvidenceSource, HistoryEvidence, gather_evidence
from bot.ports.nlu import LoggedQuestion
from bot.stores.sql.history import SqlQuestionLog

VAGUE = [
    "积分",
    "会员卡",
    "我的订单",
    "退",
    "发票",
    "门店",
    "优惠",
    "快递呢",
    "积分换什么",
    "生日",
    "points",
    "exchange",
]
ODD = "你们茶叶罐上那只鹤的翅膀为什么是反的"


def questions(shop: Shop) -> list[LoggedQuestion]:
    return shop.run(SqlQuestionLog(shop.database).questions(0.0, 1_000))


def gathered(shop: Shop) -> HistoryEvidence:
    return gather_evidence(questions(shop), shop.yingda.editions.current().entries, shop.clock.now())


def asked_back(shop: Shop) -> tuple[str, LoggedQuestion]:
    """The first customer to whom the bot says: did you mean?"""
    for number, text in enumerate(VAGUE):
        shop.hears(f"customer-{number}", text)
        newest = questions(shop)[-1]
        if newest.trace.choices:
            return f"customer-{number}", newest
    raise AssertionError("nothing was vague enough")


def test_a_picked_choice_is_recorded_as_what_the_question_meant(shop: Shop) -> None:
    customer, vague = asked_back(shop)
    shop.hears(customer, str(len(vague.trace.choices)))
    picked = questions(shop)[-1]
    assert (picked.trace.picked, picked.trace.entry) == (True, vague.trace.choices[-1])
    found = [one for one in gathered(shop).evidence if one.proof is EvidenceSource.PICKED]
    assert [(one.text, one.entry) for one in found] == [(vague.text, vague.trace.choices[-1])]


def test_a_number_that_was_not_offered_picks_nothing(shop: Shop) -> None:
    shop.hears("alice", "2")
    assert [one.trace.picked for one in questions(shop)] == [False]


def test_an_answer_counts_half_an_hour_later_unless_the_customer_went_to_a_person(shop: Shop) -> None:
    shop.hears("alice", "怎么退货？")
    shop.hears("bert", "怎么退货？")
    shop.hears("bert", "转人工")
    assert gathered(shop).evidence == ()
    shop.clock.move(PATIENCE)
    found = gathered(shop)
    assert [(one.text, one.proof) for one in found.evidence] == [("怎么退货？", EvidenceSource.ANSWERED)]
    assert found.disputed == {found.evidence[0].entry: 1}


def test_an_agents_correction_is_recorded_as_what_the_question_meant(shop: Shop) -> None:
    shop.hears("alice", ODD)
    if not shop.waiting():  # it asked back first
        shop.hears("alice", f"不是，我问的是{ODD}")
    asked = questions(shop)[-1]
    case, anna = shop.waiting()[0], shop.agent("anna")
    shop.claims(anna, case.id)
    shop.replies(anna, case.id, "那是一位画师的签名。")
    shop.run(shop.cases.resolve(case.id, anna))
    shop.run(shop.cases.correct(case.id, anna, asked.message_id, ""))
    assert [(one.text, one.entry, one.proof) for one in gathered(shop).evidence] == [
        (asked.text, "", EvidenceSource.CORRECTED)
    ]
