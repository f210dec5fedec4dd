"""Who wants to hear nothing is heard, in either script; who asks about stopping something is answered."""

from __future__ import annotations

import pytest

from bot.intents.opt_out import wants_opt_out

STOP = (
    *(
        "停止",
        "停",
        "退订",
        "退訂",
        "停止订阅",
        "停止訂閱",
        "取消订阅",
        "取消訂閱",
        "停止发送",
        "TD",
        "回T退订",
        "我要退订",
    ),
    *("别再给我发了", "別再給我發了", "别再发了", "不要再发了", "别发了", "请不要再发消息", "不要给我发消息", "别烦我"),
    *(
        "别打扰我",
        "请勿打扰",
        "勿扰",
        "别联系我",
        "不想再收到你们的消息",
        "停止推送！",
        "谢谢，停止",
        "停 止",
        "停\u200b止",
        "停止🙏",
    ),
    *(
        "STOP",
        "ＳＴＯＰ",
        "stop!!!",
        "Stop it",
        "please stop",
        "stop please",
        "unsubscribe",
        "stop messaging me",
        "opt-out",
    ),
    *(
        "don’t message me anymore",
        "Do not contact me",
        "stop sending me messages",
        "could you please stop messaging me",
    ),
    *(
        "@YunshanTea停止",
        "@YunshanTea 停止",
        "停止 @YunshanTea",
        "＠YunshanTea退訂",
        "leave me alone",
        "no more messages",
    ),
)
GO_ON = (
    *(
        "怎么停止自动续费",
        "停止自动续费",
        "怎么退订",
        "如何取消订阅？",
        "停车",
        "不要了",
        "别发货了",
        "不要发顺丰",
        "不用回复",
        "退订单",
    ),
    *(
        "不用联系我了",
        "什么时候停止发货",
        "请停止发货",
        "停电了",
        "别",
        "不要再涨价了",
        "停止营业了吗",
        "谢谢",
        "",
    ),
    *(
        "stop shipping my order",
        "how do I unsubscribe",
        "can I stop my subscription",
        "bus stop",
        "non-stop",
        "stopped",
    ),
    *("don't send it to the office", "one stop shop", "when do you stop taking orders?"),
)


@pytest.mark.parametrize("text", STOP)
def test_a_text_that_only_says_stop_opts_out(text: str) -> None:
    assert wants_opt_out(text)


@pytest.mark.parametrize("text", GO_ON)
def test_a_text_that_says_more_than_stop_does_not_opt_out(text: str) -> None:
    assert not wants_opt_out(text)


def test_stop_within_a_long_text_does_not_opt_out() -> None:
    assert not wants_opt_out("停止" + " " * 300 + "这是我昨天看到的路牌" + " " * 300)
