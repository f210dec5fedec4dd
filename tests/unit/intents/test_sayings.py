"""What short messages say, in both languages and scripts; and what sounds like it and says something else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.cpu_time import cpu_within

from bot.intents import sayings

Says = Callable[[str], bool]
TELLS: Mapping[Says, tuple[tuple[str, ...], tuple[str, ...]]] = MappingProxyType(
    {
        sayings.wants_unlink: (
            (
                *("解绑", "解綁", "解除绑定", "解除綁定", "取消绑定", "我要解绑", "请帮我解绑会员卡", "不绑定了"),
                *("把会员卡解绑", "撤回同意", "解绑吧，谢谢", "　解 绑　！", "解\u200b绑", "@YunshanTea 解绑"),
                *("unlink", "UNLINK me", "please unlink my card", "disconnect my account", "withdraw my consent"),
            ),
            (
                *("怎么解绑", "解绑之后积分还在吗", "解绑要多久", "绑定", "取消订单", "不要解绑"),
                *("how do I unlink?", "what happens if I unlink", "link", "don't unlink me", "unlinked"),
            ),
        ),
        sayings.wants_erasure: (
            (
                *("删除我的数据", "刪除我的資料", "请删除我的所有数据", "把我的聊天记录删除", "忘记我", "清空我的信息"),
                *("将我的个人信息彻底删除", "清除关于我的所有记录", "删除我的隐私！"),
                *("delete my data", "please erase all my data", "erase everything you know about me", "forget me"),
                *("Delete all my personal information", "remove my chat history"),
            ),
            (
                *("怎么删除我的数据", "删除订单", "删除我的收货地址", "删除", "我的数据会被删除吗", "忘记密码"),
                *("how do I delete my data?", "delete my order", "forget it", "erase", "delete my address"),
            ),
        ),
        sayings.calls_off: (
            (
                *(
                    "算了",
                    "不用了",
                    "不用人工了",
                    "取消人工",
                    "算了，不用了",
                    "没事了",
                    "不等了",
                    "那算了吧",
                    "不需要了谢谢",
                ),
                *("問題解決了", "自己解决了", "别转人工了", "哦，那不用麻烦你们了", "沒事了"),
                *("never mind", "Nevermind!", "nvm", "forget it", "no need, thanks", "cancel the request"),
                *("it's fine now", "I don't need an agent anymore", "solved", "it's okay now"),
                *("等等不用了", "我自己解决了", "fine. forget it", "ok I found it, bye"),
                *("算了不用了我自己查到了", "不用了，已经好了", "算了太慢了我走了", "算了明天再来问", "我自己修好了"),
                *("nvm figured it out myself", "no worries, solved it", "I've sorted it out", "ok it works now"),
                "never mind, I'll try again tomorrow",
            ),
            (
                *("知道了", "我知道了", "没事", "没关系", "明白了", "好了", "太慢了", "明天再说", "还没修好"),
                *(
                    "修好了吗",
                    "it's ok",
                    "that's fine",
                    "all good",
                    "no worries",
                    "got it",
                    "not sorted",
                    "我想自己来取",
                ),
                *("取消订单", "不用券可以吗", "怎么取消人工", "算了多少钱", "不用了吗", "帮我算了一下吗", "解决了没有"),
                *("cancel my order", "never", "do I need it?", "I need help", "forget me", "is it solved?"),
            ),
        ),
        sayings.cancels: (
            ("取消", "退出", "我要取消", "cancel", "quit", "算了", "never mind", "取消吧"),
            ("取消订单", "怎么取消", "取消政策", "cancel my order", "cancellation", "exit number"),
        ),
        sayings.says_yes: (
            ("是", "是的", "對", "对的对的", "没错", "確認", "确定", "就是这个", "yes", "Yep!", "correct", "that's it"),
            ("不是", "是不是", "不对", "是吗", "好的", "no", "yes but how", "right here", "yesterday"),
        ),
        sayings.says_no: (
            (
                "都不是",
                "不是",
                "以上都不是",
                "都不對",
                "没有我要的",
                "其他问题",
                "no",
                "none of these",
                "neither",
                "nope",
            ),
            (
                "是",
                "不是说好今天到吗",
                "没有收到",
                "不行吗",
                "no delivery",
                "not working",
                "other colours",
                "none left?",
            ),
        ),
        sayings.says_wait: (
            (
                *("稍等", "等一下", "等我一下", "稍等我看下短信", "马上", "我去找找", "稍等，我看看手機"),
                *("one sec", "hold on", "wait a minute", "let me check my phone", "give me a second"),
            ),
            ("等多久", "还要等几天", "稍等多久", "等一下可以吗", "how long do I wait?", "waiting list", "second"),
        ),
        sayings.wants_another_code: (
            (
                *("没收到", "没收到短信", "還是沒收到驗證碼", "再发一次", "重新发送", "验证码呢", "收不到"),
                *("resend", "I didn't get the code", "no text came", "please send it again", "where is the code"),
            ),
            ("收到了", "123456", "怎么退货", "什么时候发货", "got it", "where is my parcel", "I got the code"),
        ),
        sayings.asks_why: (
            ("为什么要手机号", "為什麼要驗證", "安全吗", "会泄露吗", "凭什么", "why do you need it", "is this safe?"),
            ("13800000001", "没收到", "怎么退货", "my number is 13800000001", "what is my number"),
        ),
        sayings.is_opener: (
            (
                *(
                    "我想问一下",
                    "請問",
                    "请问",
                    "在吗，我想咨询个问题",
                    "你好，我想问个事",
                    "有个问题想问你们",
                    "可以问一下吗",
                ),
                *("hi, quick question", "can I ask you something?", "I have a question", "could you help me", "help"),
            ),
            (
                *("我想问一下怎么退货", "请问多久到", "在吗", "你好", "有问题的茶怎么退", "问题"),
                *("I have a question about my order", "can I return it", "hello", "help me return this"),
            ),
        ),
        sayings.is_nod: (
            (
                *(
                    "嗯",
                    "嗯嗯",
                    "哦",
                    "好的",
                    "好嘞",
                    "行吧",
                    "知道了",
                    "明白了",
                    "收到",
                    "哈哈哈",
                    "這樣啊",
                    "不客气",
                    "666",
                ),
                *("ok", "OKAY", "got it", "I see", "sure", "no problem", "hmm", "cool", "1", "12"),
            ),
            (
                *("好的怎么退货", "行李箱", "好贵", "知道怎么退吗", "嗯你们几点开门", "收到货了但是坏了", "是多少"),
                *("ok how do I return it", "no tea inside", "sure it ships today?", "123", "good tea"),
            ),
        ),
        sayings.asks: (
            ("怎么退货", "能退吗", "發票怎麼開", "我要退款", "多少钱", "how long", "I want a refund", "any news", "？"),
            ("上周买的龙井", "红色的盒子", "嗯", "the tin from last week", "my mum's birthday", "谢谢"),
        ),
        sayings.tells_of_a_problem: (
            (
                "杯子碎了",
                "少发了一罐",
                "罐子漏了",
                "茶葉發霉了",
                "the cup is broken",
                "it never arrived",
                "it doesn't open",
            ),
            ("上周买的龙井", "谢谢", "红色的盒子", "the red tin", "thank you"),
        ),
    }
)
NAMES = [one.__name__ for one in TELLS]


@pytest.mark.parametrize("says", TELLS, ids=NAMES)
def test_it_is_heard_however_it_is_written(says: Says) -> None:
    assert [text for text in TELLS[says][0] if not says(text)] == []


@pytest.mark.parametrize("says", TELLS, ids=NAMES)
def test_what_only_sounds_like_it_is_not(says: Says) -> None:
    assert [text for text in TELLS[says][1] if says(text)] == []


@pytest.mark.parametrize("first", ["ok", "okay", "yes", "好的", "cool"])
@pytest.mark.parametrize("then", ["cool", "great", "fine", "got it", "sure", "thank", "嗯", "ok"])
def test_one_nod_after_another_is_read_without_an_exception(first: str, then: str) -> None:
    assert sayings.is_nod(f"{first} {then}") is (then != "thank")


@pytest.mark.parametrize(
    "text", ["会员号忘了", "手机号行吗", "can I use my phone?", "I don't remember my member number"]
)
def test_another_number_is_asked_for_while_linking(text: str) -> None:
    assert sayings.asks_for_another_number(text)


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("那个我想问一下就是我昨天买的那个茶叶", "我昨天买的茶叶"),
        ("请问怎么退货", "怎么退货"),
        ("um, and how long", "how long"),
        ("怎么退货", "怎么退货"),
        ("那个", "那个"),
        ("hi", "hi"),
    ],
)
def test_fillers_are_left_out_and_never_the_whole_text(said: str, left: str) -> None:
    assert sayings.without_fillers(said) == left


PIECES = (
    "算了",
    "不用",
    "嗯",
    "好的",
    "请",
    "问",
    "我",
    "想",
    "一下",
    "是",
    "对",
    "的",
    "取消",
    "解绑",
    "ok",
    " ",
    "no",
    "?",
    "稍等",
)
EVERY: tuple[Callable[[str], object], ...] = (*TELLS, sayings.without_fillers, sayings.leaves_linking)


@given(st.one_of(st.text(max_size=3_000), st.lists(st.sampled_from(PIECES), max_size=800).map("".join)))
@example("嗯" * 3_000)
@example("算了不用了" * 20 + "x")
@example("我想请问你们" * 16 + "!")
@example("i want to ask " * 7 + "z")
@example("ha" * 49 + "h!")
@example("那个就是" * 700)
@example("\u0301" * 3_000)
def test_any_text_is_read_quickly_and_without_an_exception(text: str) -> None:
    for reads in EVERY:
        reads("嗯")  # the pattern is compiled once
        with cpu_within(0.005):
            reads(text)
