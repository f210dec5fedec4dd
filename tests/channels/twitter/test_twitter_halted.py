"""X refuses the account and not the message: nothing fails one by one, nothing is lost, and it goes on by itself."""

from __future__ import annotations

from email.utils import formatdate

import pytest
from twitter_peer import settings
from x_shop import XShop

from bot.channels.twitter import explain
from bot.channels.twitter.api import Answer
from bot.channels.twitter.failures import refusal
from bot.doctor import Grade, twitter
from bot.simulators.twitter import Faults
from bot.simulators.twitter.people import Person
from bot.simulators.twitter.problems import OF_THE_ACCOUNT
from bot.site import fares
from bot.stores.record.health import RecordHealth

RETURNS = "怎么退货？"
WRITE = "POST /2/dm_conversations/with/{participant_id}/messages"
CODES = {
    "suspended": "twitter:suspended",
    "user-suspended": "twitter:suspended",
    "locked": "twitter:locked",
    "permissions": "twitter:permissions",
    "access": "twitter:access",
    "not-enrolled": "twitter:not-enrolled",
    "clock": "twitter:clock",
}


def writing(shop: XShop, count: int = 3) -> list[Person]:
    people = [shop.platform.person(f"person{number}") for number in range(count)]
    for one in people:
        shop.platform.writes(one.id, RETURNS)
    shop.looks()
    return people


def later(shop: XShop, seconds: float) -> None:
    shop.clock.move(seconds)
    shop.settle()


@pytest.mark.parametrize("refused", OF_THE_ACCOUNT)
def test_while_x_refuses_the_account_its_answers_are_kept_and_then_go_out_once(shop: XShop, refused: str) -> None:
    shop.platform.set_faults(Faults(only="POST", refuse=refused))
    people = writing(shop)
    assert shop.platform.tally.asked[WRITE] <= 3
    for _ in range(60):
        later(shop, 60)
    assert {state for state, _ in shop.fates()} == {"pending"}
    assert shop.platform.tally.asked[WRITE] <= 3 + 9  # an hour: after 1, 2, 4, 8 minutes, then every 15
    standing = shop.run(shop.channel.standing())
    assert standing.halted.partition(" ")[0] == CODES[refused]
    shop.platform.set_faults(Faults())
    for _ in range(16):
        later(shop, 60)
    assert [len(shop.told_privately(one)) for one in people] == [1, 1, 1]
    assert {state for state, _ in shop.fates()} == {"sent"}
    assert shop.run(shop.channel.standing()).halted == ""


def test_while_x_refuses_everything_looking_goes_on_by_itself_too(shop: XShop) -> None:
    lin = shop.platform.person("linxiao")
    shop.platform.writes(lin.id, RETURNS)
    shop.platform.set_faults(Faults(refuse="not-enrolled"))
    for _ in range(20):
        shop.clock.move(60)
        shop.looks()
    assert shop.told_privately(lin) == []
    shop.platform.set_faults(Faults())
    for _ in range(18):
        shop.clock.move(60)
        shop.looks()
    assert len(shop.told_privately(lin)) == 1


def test_an_app_that_may_post_and_not_write_goes_on_posting(shop: XShop) -> None:
    lin, mei = (shop.platform.person(name) for name in ("linxiao", "meihua"))
    shop.platform.set_faults(Faults(only=WRITE, refuse="permissions"))
    shop.writes(lin, RETURNS)
    post = shop.mentions(mei, "几点开门？")
    assert len(shop.replies(post)) == 1
    assert shop.told_privately(lin) == []
    assert shop.run(shop.channel.standing()).halted == "twitter:permissions"


def test_somebody_elses_suspended_account_halts_nothing() -> None:
    about = {"type": "https://api.twitter.com/2/problems/user-suspended", "resource_id": "42"}
    failed = refusal(Answer(403, about), "messages", "1600000000000000001")
    assert (failed.permanent, failed.halts) == (True, False)
    ours = refusal(Answer(403, about | {"resource_id": "1600000000000000001"}), "messages", "1600000000000000001")
    assert (ours.permanent, ours.halts) == (False, True)


def test_a_person_who_limited_replies_halts_nothing(shop: XShop) -> None:
    lin = shop.platform.person("linxiao")
    shop.platform.set_faults(Faults(refuse="locked", only="POST"))
    shop.writes(lin, RETURNS)
    shop.platform.set_faults(Faults())
    shop.platform.people.block(lin.id, shop.platform.brand.id)
    for _ in range(3):
        later(shop, 60)
    assert shop.fates() == [("failed", "twitter:403")]
    assert shop.run(shop.channel.standing()).halted == ""  # the account itself was let through


def test_desk_and_health_page_say_why_nothing_is_sent_and_what_to_do(shop: XShop) -> None:
    shop.platform.set_faults(Faults(only="POST", refuse="locked"))
    writing(shop, 1)
    told = [one for one in shop.run(fares(shop.yingda, {"brand": "云山茶铺", "tea": "茶"})) if one.standing.halted]
    (fare,) = told
    assert fare.label == "云山茶铺"
    assert "x.com" in fare.explain(fare.standing.halted, "zh")
    (health,) = shop.run(RecordHealth(shop.database).accounts({"brand": ""}))
    assert (health.halted, health.outgoing, health.failed) == ("twitter:locked", 1, 0)


@pytest.mark.parametrize("refused", OF_THE_ACCOUNT)
def test_the_doctor_names_the_cause_and_the_mend(refused: str) -> None:
    problem = OF_THE_ACCOUNT[refused]
    found = twitter.credentials("brand", settings(), Answer(problem.status, problem.body))
    assert found.grade is Grade.FAIL
    assert "X refuses" in found.what.en
    assert "limited replies" not in found.mend.en
    assert found.mend.en != explain(f"twitter:{problem.status}", "en")


def test_a_look_that_is_refused_never_speaks_of_somebody_who_limited_their_messages(shop: XShop) -> None:
    failed = refusal(Answer(403, {"title": "Forbidden", "detail": "Forbidden", "status": 403}))
    assert failed.code == "twitter:read-403"
    for language in ("zh", "en"):
        assert explain(failed.code, language) != explain("twitter:403", language)


@pytest.mark.parametrize(
    ("ahead", "zh", "en"), [(412, "快 412 秒", "412 s ahead"), (-3_600, "慢 3600 秒", "3600 s behind")]
)
def test_a_401_for_the_clock_is_told_as_the_clock_with_the_difference(ahead: float, zh: str, en: str) -> None:
    now = 1_790_000_000.0
    headers = {"date": formatdate(now - ahead, usegmt=True)}
    with_code = Answer(401, {"errors": [{"code": 135, "message": "Timestamp out of bounds."}]}, headers, now)
    bare = Answer(401, {"title": "Unauthorized", "status": 401}, headers, now)
    for answer in (with_code, bare):
        failed = refusal(answer, "messages")
        assert (failed.code, failed.halts) == (f"twitter:clock {ahead:+.0f}", True)
        assert zh in explain(failed.code, "zh")
        assert en in explain(failed.code, "en")
        assert "NTP" in explain(failed.code, "en")
        assert en in twitter.credentials("brand", settings(), answer).mend.en


def test_wrong_keys_with_a_right_clock_are_still_told_as_wrong_keys() -> None:
    now = 1_790_000_000.0
    answer = Answer(401, {"title": "Unauthorized"}, {"date": formatdate(now - 3, usegmt=True)}, now)
    assert refusal(answer, "posts").code == "twitter:401"
