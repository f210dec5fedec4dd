"""Pictures, videos, places and names on X: what hangs on a post or a message is kept for the people on the desk."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select
from support.twitter_payloads import BRAND, activity, push, webhook_channel
from support.twitter_shop import APP, XShop

from bot.domain.messages import Inbound, Kind, Media, Messages
from bot.stores.sql.schema import customers

CHANNEL = webhook_channel(user_id=BRAND)


def heard(event: Any) -> Inbound:
    got = CHANNEL.receive(push(event))
    assert isinstance(got, Messages)
    (inbound,) = got.inbounds
    return inbound


def mention(keys: list[str], media: list[dict[str, str]] | None = None, text: str = "") -> Inbound:
    event = activity("post.mention.create")
    event["data"]["payload"]["attachments"] = {"media_keys": keys}
    event["data"]["payload"]["text"] = f"@ExampleUser {text} https://t.co/x"
    event["data"]["includes"]["media"] = media or []
    return heard(event)


def direct(attachment: dict[str, Any], text: str = "") -> Inbound:
    event = activity("dm.received")
    said = event["data"]["payload"]["direct_message_events"][0]["message_create"]["message_data"]
    said["text"], said["attachment"] = text, attachment
    return heard(event)


@pytest.mark.parametrize(
    ("keys", "kind", "media"),
    [
        (["3_1"], Kind.IMAGE, Media("3_1", "photo")),
        (["7_1"], Kind.VIDEO, Media("7_1", "video")),
        (["16_1"], Kind.IMAGE, Media("16_1", "animated_gif")),
        (["3_1", "3_2", "3_3"], Kind.IMAGE, Media("3_1 3_2 3_3", "photo")),
    ],
)
def test_all_media_of_a_post_are_stored_with_their_kind(keys: list[str], kind: Kind, media: Media) -> None:
    post = mention(keys)
    assert (post.kind, post.media) == (kind, media)


def test_the_description_of_a_picture_on_x_is_shown() -> None:
    told = {"media_key": "3_1", "type": "photo", "url": "https://pbs.twimg.com/media/a.jpg", "alt_text": "a torn box"}
    post = mention(["3_1"], [told], "it came like this")
    assert (post.kind, post.text) == (Kind.TEXT, "it came like this")
    assert post.media == Media("https://pbs.twimg.com/media/a.jpg", "photo", "", "a torn box")
    elsewhere = told | {"url": "https://evil.example/a.jpg"}
    assert mention(["3_1"], [elsewhere]).media == Media("3_1", "photo", "", "a torn box")


def test_a_video_sent_privately_is_a_video() -> None:
    message = direct(
        {"type": "media", "media": {"id_str": "9", "type": "video", "url": "https://t.co/v"}}, "https://t.co/v"
    )
    assert (message.kind, message.media) == (Kind.VIDEO, Media("9", "video"))


def test_a_place_sent_privately_is_a_place() -> None:
    place: dict[str, Any] = {"shared_place": {"place": {"full_name": "Jing'an, Shanghai"}}}
    place["shared_coordinate"] = {"coordinates": {"coordinates": [121.4, 31.2]}}
    message = direct({"type": "location", "location": place})
    assert message.kind is Kind.LOCATION
    assert {name: message.data[name] for name in ("label", "lat", "lon")} == {
        "label": "Jing'an, Shanghai",
        "lat": "31.2",
        "lon": "121.4",
    }


def test_a_customer_on_x_is_called_by_their_public_name(shop: XShop) -> None:
    lin = shop.platform.person("linxiao")
    shop.mentions(lin, "我的杯子碎了，转人工")
    names = shop.run(shop.database.read(lambda one: one.execute(select(customers.c.name)).scalars().all()))
    assert names == ["@linxiao"]
    assert APP.username not in names
