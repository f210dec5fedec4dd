"""The developer app and the brand's account on X, and what its customers might write."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Question:
    """Something a customer might write; the page offers it as a chip."""

    zh: str
    en: str


QUESTIONS = (
    Question("积分什么时候过期？", "When do points expire?"),
    Question("怎么退货？", "How do I return something?"),
    Question("我的订单还没到", "My order has not arrived"),
    Question("我要找人工客服", "I want to talk to a person"),
)


@dataclass(frozen=True, slots=True)
class SimulatedApp:
    """A developer app with four OAuth 1.0a keys and a bearer token, and the account that has authorised it.

    user_id: the account's numeric id; username: its handle without '@'. client_secret: if set, webhooks are signed
    with it as well (x-twitter-webhooks-signature-oauth2).
    """

    consumer_key: str
    consumer_secret: str
    access_token: str
    access_token_secret: str
    bearer_token: str
    user_id: str = "1600000000000000001"
    username: str = "YunshanTea"
    client_secret: str = ""
    name_zh: str = "云杉茶"
    name_en: str = "Yunshan Tea"
    questions: tuple[Question, ...] = QUESTIONS
