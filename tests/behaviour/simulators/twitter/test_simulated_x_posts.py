"""What becomes of posts at the simulated X: replies, lengths, edits and what is gone. Asked by tweepy."""

from __future__ import annotations

import pytest
import tweepy
from support.simulated_x import FIELDS, Stage, on_x

from bot.domain.messages import DAY
from bot.simulators.twitter.texts import LONGEST_POST


def test_a_reply_reaches_the_thread_under_the_customers_handle() -> None:
    async def story(stage: Stage) -> None:
        lin = stage.platform.person("linxiao")
        asked = stage.platform.create_post(lin.id, "@YunshanTea @bystander 怎么退货？")
        made = await stage.reply(asked.id, "请私信我们，马上为您处理。")
        (reply,) = stage.platform.replies_to(asked.id)
        assert (reply.id, reply.text) == (made, "@linxiao @bystander 请私信我们，马上为您处理。")
        assert reply.conversation_id == asked.id
        found = (await stage.do(stage.app.get_tweet, made, tweet_fields=FIELDS)).data
        assert [(one.type, one.id) for one in found.referenced_tweets] == [("replied_to", asked.id)]
        assert str(found.in_reply_to_user_id) == lin.id

    on_x(story)


def test_the_same_text_is_refused_for_36_hours() -> None:
    async def story(stage: Stage) -> None:
        lin = stage.platform.person("linxiao")
        first, second = (stage.platform.create_post(lin.id, f"@YunshanTea {number}") for number in range(2))
        await stage.reply(first.id, "请私信我们。")
        with pytest.raises(tweepy.Forbidden) as refused:
            await stage.reply(second.id, "请私信我们。 ")
        assert refused.value.api_messages == ["You are not allowed to create a Tweet with duplicate content."]
        assert refused.value.api_codes == []
        stage.clock.at += 1.5 * DAY + 1
        await stage.reply(second.id, "请私信我们。")

    on_x(story)


def test_a_reply_to_a_person_who_has_not_mentioned_the_brand_is_refused() -> None:
    async def story(stage: Stage) -> None:
        lin = stage.platform.person("linxiao")
        aside = stage.platform.create_post(lin.id, "云杉茶的积分到底怎么查")
        with pytest.raises(tweepy.Forbidden, match="you have not been mentioned or otherwise engaged"):
            await stage.reply(aside.id, "您好")
        own = (await stage.do(stage.user.create_tweet, text="新茶上市")).data["id"]
        quoting = stage.platform.create_post(lin.id, "不错", quotes=int(own))
        answer = stage.platform.create_post(lin.id, "多少钱？", reply_to=int(own))
        await stage.reply(quoting.id, "谢谢")
        await stage.reply(answer.id, "请看菜单")

    on_x(story)


def test_a_post_that_is_gone_or_hidden_gets_no_reply() -> None:
    async def story(stage: Stage) -> None:
        lin = stage.platform.person("linxiao")
        gone, hidden = (stage.platform.create_post(lin.id, f"@YunshanTea {number}") for number in range(2))
        stage.platform.delete_post(gone.id)
        stage.platform.people.block(lin.id, stage.brand.id)
        for post in (gone, hidden):
            with pytest.raises(tweepy.Forbidden, match="deleted or not visible"):
                await stage.reply(post.id, "您好")
        assert [post.id for post in await stage.mentions()] == [hidden.id]

    on_x(story)


@pytest.mark.parametrize(
    ("text", "fits"),
    [("茶" * 140, True), ("茶" * 140 + "a", False), ("https://yunshan.example/" + "a" * 400, True), ("", False)],
    ids=["280", "281", "a link is 23", "empty"],
)
def test_a_post_is_as_long_as_it_weighs(text: str, fits: bool) -> None:
    async def story(stage: Stage) -> None:
        if fits:
            await stage.do(stage.user.create_tweet, text=text)
            return
        with pytest.raises(tweepy.BadRequest):
            await stage.do(stage.user.create_tweet, text=text)

    on_x(story)


def test_handles_that_x_puts_before_a_reply_weigh_nothing() -> None:
    async def story(stage: Stage) -> None:
        lin = stage.platform.person("linxiao")
        asked = stage.platform.create_post(lin.id, "@YunshanTea 在吗")
        await stage.reply(asked.id, "茶" * (LONGEST_POST // 2))
        (reply,) = stage.platform.replies_to(asked.id)
        found = (await stage.do(stage.app.get_tweet, reply.id, tweet_fields=["display_text_range"])).data
        assert found.data["display_text_range"] == [len("@linxiao "), len(reply.text)]

    on_x(story)


def test_long_posts_are_cut_and_whole_in_note_tweet() -> None:
    async def story(stage: Stage) -> None:
        lin = stage.platform.person("linxiao")
        long = "@YunshanTea " + "我的订单一直没到。" * 60
        stage.platform.create_post(lin.id, long)
        (found,) = await stage.mentions()
        assert found.text.endswith("…")
        assert len(found.text) < 300
        assert found.note_tweet["text"] == long

    on_x(story)


def test_an_edited_post_is_a_new_one_with_a_history() -> None:
    async def story(stage: Stage) -> None:
        lin = stage.platform.person("linxiao")
        old = stage.platform.create_post(lin.id, "@YunshanTea 在嘛")
        new = stage.platform.edit_post(old.id, "@YunshanTea 在吗")
        (found,) = await stage.mentions()
        assert (found.text, found.edit_history_tweet_ids) == ("@YunshanTea 在吗", [old.id, new.id])
        earlier = (await stage.do(stage.app.get_tweet, old.id)).data
        assert earlier.text == "@YunshanTea 在嘛"

    on_x(story)


def test_deleted_posts_are_listed_as_errors_of_a_lookup() -> None:
    async def story(stage: Stage) -> None:
        lin = stage.platform.person("linxiao")
        kept, gone = (stage.platform.create_post(lin.id, f"@YunshanTea {number}") for number in range(2))
        stage.platform.delete_post(gone.id)
        answer = await stage.do(stage.app.get_tweets, [kept.id, gone.id], expansions=["author_id"])
        assert [post.id for post in answer.data] == [kept.id]
        assert [error["resource_id"] for error in answer.errors] == [str(gone.id)]
        assert answer.includes["users"][0].username == "linxiao"

    on_x(story)


def test_the_brand_takes_back_what_is_its_own() -> None:
    async def story(stage: Stage) -> None:
        lin = stage.platform.person("linxiao")
        theirs = stage.platform.create_post(lin.id, "@YunshanTea 你好")
        mine = (await stage.do(stage.user.create_tweet, text="新茶上市")).data["id"]
        with pytest.raises(tweepy.Forbidden):
            await stage.do(stage.user.delete_tweet, theirs.id)
        assert (await stage.do(stage.user.delete_tweet, mine)).data == {"deleted": True}
        assert stage.platform.brand_posts() == []
        await stage.do(stage.user.create_tweet, text="新茶上市")

    on_x(story)
