"""Direct messages at the simulated X, as a brand's server meets them. Asked by tweepy."""

from __future__ import annotations

import pytest
import tweepy
from support.simulated_x import Stage, on_x

from bot.domain.messages import DAY
from bot.simulators.twitter import Faults


def test_a_direct_message_reaches_people_who_wrote_or_accept_any() -> None:
    async def story(stage: Stage) -> None:
        lin, emma = stage.platform.person("linxiao"), stage.platform.person("emma", messages_open=True)
        with pytest.raises(tweepy.Forbidden, match="permission to DM"):
            await stage.write(lin.id, "您好")
        stage.platform.send_direct_message(lin.id, "在吗")
        sent = await stage.write(lin.id, "您好，请问有什么可以帮您？")
        await stage.write(emma.id, "Hello")
        assert sent["dm_conversation_id"] == "-".join(sorted((lin.id, stage.brand.id), key=int))
        assert [one.text for one in stage.platform.conversation_with(lin.id)] == ["在吗", "您好，请问有什么可以帮您？"]
        stage.platform.people.block(lin.id, stage.brand.id)
        with pytest.raises(tweepy.Forbidden):
            await stage.write(lin.id, "还在吗")

    on_x(story)


def test_direct_messages_are_listed_newest_first_ours_among_them() -> None:
    async def story(stage: Stage) -> None:
        lin, emma = stage.platform.person("linxiao"), stage.platform.person("emma")
        assert await stage.messages() == []
        stage.platform.send_direct_message(lin.id, "在吗")
        stage.platform.send_direct_message(emma.id, "hi")
        await stage.write(lin.id, "您好")
        found = await stage.messages()
        assert [(one.text, str(one.sender_id)) for one in found] == [
            ("您好", stage.brand.id),
            ("hi", emma.id),
            ("在吗", lin.id),
        ]
        assert [one.text for one in await stage.messages(participant_id=lin.id)] == ["您好", "在吗"]
        talk = found[0].dm_conversation_id
        assert [one.text for one in await stage.messages(dm_conversation_id=talk)] == ["您好", "在吗"]

    on_x(story)


def test_a_message_just_sent_is_not_yet_in_the_list() -> None:
    async def story(stage: Stage) -> None:
        lin = stage.platform.person("linxiao")
        stage.platform.send_direct_message(lin.id, "在吗")
        stage.platform.set_faults(Faults(lag=5.0))
        await stage.write(lin.id, "您好")
        assert [one.text for one in await stage.messages()] == ["在吗"]
        stage.clock.at += 5
        assert [one.text for one in await stage.messages()] == ["您好", "在吗"]

    on_x(story)


def test_messages_older_than_30_days_are_gone_from_the_list() -> None:
    async def story(stage: Stage) -> None:
        lin = stage.platform.person("linxiao")
        stage.platform.send_direct_message(lin.id, "在吗")
        stage.clock.at += 30 * DAY + 1
        assert await stage.messages() == []

    on_x(story)


def test_the_brand_sees_whom_it_has_blocked() -> None:
    async def story(stage: Stage) -> None:
        lin = stage.platform.person("linxiao")
        assert (await stage.do(stage.user.get_blocked)).data is None
        stage.platform.people.block(stage.brand.id, lin.id)
        assert [str(one.id) for one in (await stage.do(stage.user.get_blocked)).data] == [lin.id]

    on_x(story)
