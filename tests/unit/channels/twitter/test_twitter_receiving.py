"""What people do on X, as the rest of Yingda gets to see it. The payloads are captured, byte for byte."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from support.twitter_payloads import BRAND, CUSTOMER, JULY_24, OLDER_BRAND, activity, older, push, webhook_channel

from bot.channels.twitter import TwitterChannel
from bot.domain.messages import Handshake, Inbound, Kind, Messages, RawRequest
from bot.errors import Refused

CHANNEL = webhook_channel()
OLDER = webhook_channel(user_id=OLDER_BRAND)
AUGUST_12 = 1_786_558_000.0
JANUARY_2018 = 1_516_403_600.0
THIRD = "3333333333333333333"


def heard(event: Any, at: float = JULY_24, channel: TwitterChannel = CHANNEL) -> list[Inbound]:
    got = channel.receive(push(event, at))
    assert isinstance(got, Messages)
    assert not got.answerable  # X shows nobody what a webhook answers
    return list(got.inbounds)


def mention(**changes: Any) -> Any:
    event = activity("post.mention.create")
    event["data"]["payload"].update(changes)
    return event


def test_a_mention_is_a_public_message_in_the_thread_of_its_conversation() -> None:
    (said,) = heard(mention())
    assert (said.account, said.handle, said.kind, said.text) == ("brand", CUSTOMER, Kind.TEXT, "hey @ExampleUser")
    assert (said.thread, said.dedup_key) == ("2080765813578191303", "post:2080765813578191303")
    assert said.data == {"id": "2080765813578191303", "username": "OtherUser", "summoned": "mention"}
    assert abs(said.at - JULY_24) < 120


def test_a_reply_to_us_belongs_to_the_conversation_and_loses_the_handles_before_it() -> None:
    (said,) = heard(activity("post.reply.create"), AUGUST_12)
    assert (said.thread, said.data["id"]) == ("2080761390344937796", "2090000000000000001")
    assert said.text == "Great post — thanks for sharing!"


def test_a_quote_of_the_account_may_be_answered() -> None:
    (said,) = heard(activity("post.quote.create"), AUGUST_12)
    assert (said.kind, said.data["summoned"]) == (Kind.TEXT, "quote")
    assert said.text == "Adding some context to this."  # without the link that X adds to what is quoted


def test_a_direct_message_is_private() -> None:
    (said,) = heard(activity("dm.received"))
    assert (said.handle, said.thread, said.text, said.kind) == (CUSTOMER, "", "hello!", Kind.TEXT)
    assert said.dedup_key == "message:2080765901528535096"


def test_the_older_interface_brings_the_same_direct_message() -> None:
    (said,) = heard(older("direct_message_events"), JANUARY_2018, OLDER)
    assert (said.handle, said.text, said.dedup_key) == ("3001969357", "Hello World!", "message:954491830116155396")


def tweet(**changes: Any) -> Any:
    """A mention in the older interface's words (docs.x.com account-activity: v1.1 Tweet objects)."""
    return {
        "for_user_id": OLDER_BRAND,
        "user_has_blocked": False,
        "tweet_create_events": [
            {
                "created_at": "Fri Jan 19 23:12:40 +0000 2018",
                "id": 954491830116155396,
                "id_str": "954491830116155396",
                "text": "@Harris_0ff where is my order? &lt;3 …",
                "truncated": True,
                "extended_tweet": {"full_text": "@Harris_0ff where is my order? &lt;3 I have been waiting"},
                "user": {"id_str": "3001969357", "screen_name": "furiouscamper"},
                "entities": {"user_mentions": [{"id_str": OLDER_BRAND, "screen_name": "Harris_0ff"}]},
                **changes,
            }
        ],
    }


def test_the_older_interface_brings_long_mentions_whole() -> None:
    (said,) = heard(tweet(), JANUARY_2018, OLDER)
    assert said.text == "where is my order? <3 I have been waiting"
    assert (said.dedup_key, said.data["summoned"]) == ("post:954491830116155396", "mention")


def test_posts_of_blocked_users_are_ignored() -> None:
    assert heard(tweet() | {"user_has_blocked": True}, JANUARY_2018, OLDER) == []


@pytest.mark.parametrize(
    "kind",
    [
        "user_event",
        "direct_message_indicate_typing_events",
        "direct_message_mark_read_events",
        "tweet_delete_events",
    ],
)
def test_events_that_are_no_messages_are_acknowledged_and_ignored(kind: str) -> None:
    assert heard(older(kind), JANUARY_2018, OLDER) == []


@pytest.mark.parametrize("kind", ["post.create", "post.delete", "follow.follow", "follow.unfollow", "chat.received"])
def test_events_about_others_are_ignored(kind: str) -> None:
    assert heard(activity(kind), AUGUST_12) == []


def test_our_own_direct_messages_are_ignored() -> None:
    assert heard(activity("dm.sent")) == []
    event = activity("dm.sent")
    event["data"]["event_type"] = "dm.received"
    assert heard(event) == []


def test_our_own_posts_are_ignored_even_if_they_mention_us() -> None:
    assert heard(mention(author_id=BRAND)) == []


def test_retweets_are_ignored() -> None:
    assert heard(mention(referenced_tweets=[{"type": "retweeted", "id": "1"}])) == []
    assert heard(tweet(retweeted_status={"id_str": "1"}), JANUARY_2018, OLDER) == []


def test_an_edited_post_is_the_same_message() -> None:
    (first,) = heard(mention())
    history = ["2080765813578191303", "2080765900000000000"]
    (edited,) = heard(mention(id="2080765900000000000", edit_history_tweet_ids=history, text="@ExampleUser hello?"))
    assert edited.dedup_key == first.dedup_key
    assert edited.data["id"] == "2080765900000000000"  # only the newest version can be answered


def test_a_long_post_is_read_whole() -> None:
    long = "@ExampleUser " + "为什么" * 300
    (said,) = heard(mention(text=long[:280], note_tweet={"text": long}))
    assert said.text == "为什么" * 300


def test_a_third_person_in_a_thread_is_a_customer_of_their_own() -> None:
    (one,) = heard(mention())
    (other,) = heard(mention(id="2080765813578191399", edit_history_tweet_ids=[], author_id=THIRD))
    assert one.thread == other.thread
    assert (one.handle, other.handle) == (CUSTOMER, THIRD)


def test_a_post_without_a_mention_is_kept_as_an_event() -> None:
    (said,) = heard(mention(entities={"mentions": []}))
    assert (said.kind, "summoned" in said.data) == (Kind.EVENT, False)


def test_a_bare_mention_is_an_event_and_a_lone_picture_is_for_people() -> None:
    assert heard(mention(text="@ExampleUser"))[0].kind is Kind.EVENT
    (pictured,) = heard(mention(text="@ExampleUser https://t.co/x", attachments={"media_keys": ["3_1"]}))
    assert (pictured.kind, pictured.media is not None) == (Kind.IMAGE, True)


def test_a_picture_sent_privately_is_a_picture() -> None:
    event = activity("dm.received")
    made = event["data"]["payload"]["direct_message_events"][0]["message_create"]["message_data"]
    made["text"] = " https://t.co/abc"
    made["attachment"] = {"type": "media", "media": {"id_str": "123", "url": "https://t.co/abc"}}
    (said,) = heard(event)
    assert (said.kind, said.text) == (Kind.IMAGE, "")


def test_events_of_another_account_are_not_ours() -> None:
    event = activity("post.mention.create")
    event["data"]["filter"]["user_id"] = THIRD
    assert heard(event) == []
    assert heard(tweet() | {"for_user_id": THIRD}, JANUARY_2018, OLDER) == []


def test_an_event_older_than_a_week_is_ignored() -> None:
    assert heard(mention(), JULY_24 + 8 * 86_400) == []
    assert len(heard(mention(), JULY_24 + 86_400)) == 1


def test_many_messages_in_one_request_are_all_read() -> None:
    event = activity("dm.received")
    (one,) = event["data"]["payload"]["direct_message_events"]
    several = [copy.deepcopy(one) | {"id": str(2080765901528535096 + step)} for step in range(5)]
    event["data"]["payload"]["direct_message_events"] = several
    assert len({said.dedup_key for said in heard(event)}) == 5


def test_a_challenge_is_answered_with_the_signed_token() -> None:
    """The value was computed with openssl dgst -sha256 -hmac."""
    query = {"crc_token": "challenge-of-sixteen_or_more"}
    got = CHANNEL.receive(RawRequest("GET", query, {}, b"", JULY_24))
    assert isinstance(got, Handshake)
    assert json.loads(got.response.body) == {"response_token": "sha256=UzmtRSzMieLBVtUYhJZKNG+GOo2lO1A8zir4WFM7gio="}
    assert got.response.content_type == "application/json"


@pytest.mark.parametrize(
    "token", ["", "short", "x" * 129, '{"data":{"event_type":"dm.received"}}', "with space 12345678"]
)
def test_nothing_but_a_challenge_is_ever_signed(token: str) -> None:
    with pytest.raises(Refused) as refused:
        CHANNEL.receive(RawRequest("GET", {"crc_token": token}, {}, b"", JULY_24))
    assert (refused.value.status, refused.value.code) == (400, "crc_token")
