"""A knowledge base of any size for measuring: every product of a department store, and what is asked about each.

Made of vocabularies and ways to ask in both languages, seeded: the same size is always the same base.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, product
from pathlib import Path
from random import Random

_SEED = 20_240_607
_PER_TOPIC = 50
_KINDS = (
    *(("棉质", "cotton"), ("羊毛", "woollen"), ("亚麻", "linen"), ("真丝", "silk"), ("竹制", "bamboo")),
    *(("不锈钢", "stainless steel"), ("陶瓷", "ceramic"), ("玻璃", "glass"), ("实木", "oak"), ("折叠", "folding")),
    *(("儿童", "children's"), ("旅行", "travel"), ("无线", "cordless"), ("静音", "silent"), ("防水", "waterproof")),
    *(("迷你", "mini"), ("智能", "smart"), ("复古", "vintage"), ("限量版", "limited edition"), ("加厚", "padded")),
)
_THINGS = (
    *(("枕头", "pillow"), ("被子", "duvet"), ("毛巾", "towel"), ("窗帘", "curtain"), ("地毯", "rug")),
    *(("茶壶", "teapot"), ("水杯", "mug"), ("炒锅", "wok"), ("菜刀", "kitchen knife"), ("电饭煲", "rice cooker")),
    *(("台灯", "desk lamp"), ("书架", "bookshelf"), ("餐桌", "dining table"), ("椅子", "chair"), ("行李箱", "suitcase")),
    *(("背包", "backpack"), ("雨伞", "umbrella"), ("闹钟", "alarm clock"), ("吹风机", "hair dryer"), ("加湿器", "humidifier")),
    *(("耳机", "headphones"), ("音箱", "speaker"), ("键盘", "keyboard"), ("充电器", "charger"), ("拖鞋", "slippers")),
)  # fmt: skip
_ASPECTS = (
    ("退货", "returning", ("{0}想退货", "{0}不合适能退吗", "退掉{0}要怎么操作", "买的{0}可以退款吗"),
     ("I want to return the {0}", "can I send the {0} back", "refund for a {0}", "the {0} is not right, how do I return it")),
    ("保修", "the warranty of", ("{0}保修多久", "{0}坏了还在保修期吗", "{0}的质保怎么算", "{0}过保了怎么办"),
     ("how long is the {0} guaranteed", "is my broken {0} still under warranty", "warranty on the {0}", "{0} guarantee period")),
    ("清洗", "cleaning", ("{0}怎么洗", "{0}能不能机洗", "清洁{0}用什么", "{0}脏了怎么处理"),
     ("how do I clean the {0}", "is the {0} machine washable", "what should I wash the {0} with", "stains on my {0}")),
    ("尺寸", "the size of", ("{0}有多大", "{0}的尺寸是多少", "{0}有没有大一号", "想知道{0}长宽高"),
     ("how big is the {0}", "what are the dimensions of the {0}", "does the {0} come in a larger size", "{0} measurements please")),
    ("价格", "the price of", ("{0}多少钱", "{0}什么价", "现在{0}卖多少", "{0}最近降价了吗"),
     ("how much is the {0}", "price of the {0}", "what does a {0} cost now", "has the {0} got cheaper")),
    ("到货", "stock of", ("{0}什么时候到货", "{0}还有现货吗", "{0}缺货要等多久", "{0}补货了通知我"),
     ("when will the {0} be back in stock", "do you have the {0} in stock", "is the {0} sold out", "tell me when the {0} is available")),
    ("颜色", "colours of", ("{0}有哪些颜色", "{0}有没有黑色的", "{0}能换个颜色吗", "{0}白色还有吗"),
     ("what colours does the {0} come in", "do you have the {0} in black", "other colours of the {0}", "is there a white {0}")),
    ("配件", "spare parts for", ("{0}的配件哪里买", "{0}少了一个零件", "{0}配件可以单独买吗", "补发{0}的配件"),
     ("where do I get spare parts for the {0}", "a piece of my {0} is missing", "can I buy {0} parts separately", "replacement part for a {0}")),
    ("安装", "setting up", ("{0}怎么安装", "{0}装不上", "有没有{0}的安装视频", "{0}可以上门安装吗"),
     ("how do I set up the {0}", "I can not put the {0} together", "assembly video for the {0}", "will somebody install the {0}")),
    ("发货", "shipping of", ("{0}多久发货", "{0}怎么还没寄出", "{0}发什么快递", "今天买{0}什么时候发"),
     ("when do you ship the {0}", "my {0} has not been sent yet", "which courier brings the {0}", "if I buy the {0} today when does it leave")),
    ("破损", "damage to", ("{0}收到是坏的", "{0}运输中摔坏了", "{0}到货有裂痕", "{0}包装破了里面也坏了"),
     ("the {0} arrived broken", "my {0} was damaged in transit", "there is a crack in the {0}", "box torn and the {0} inside is damaged")),
    ("材质", "the material of", ("{0}是什么材质", "{0}用料安全吗", "{0}里面填充的是什么", "{0}有没有异味"),
     ("what is the {0} made of", "is the {0} material safe", "what is inside the {0}", "does the {0} smell")),
    ("赠品", "gifts with", ("买{0}送什么", "{0}的赠品没收到", "{0}有买赠活动吗", "{0}送的礼品能换吗"),
     ("what gift comes with the {0}", "the free gift with my {0} is missing", "is there a gift for buying the {0}", "can I swap the gift of the {0}")),
    ("发票", "an invoice for", ("{0}能开发票吗", "{0}的发票抬头写错了", "补开{0}的发票", "{0}发票什么时候寄"),
     ("can I get an invoice for the {0}", "wrong name on the {0} invoice", "I need a receipt for my {0}", "when do you send the bill for the {0}")),
    ("换货", "exchanging", ("{0}想换一个", "{0}换货流程", "{0}型号买错了能换吗", "把{0}换成别的"),
     ("I want to exchange the {0}", "swap my {0} for another one", "bought the wrong {0}, can I change it", "how does exchanging a {0} work")),
    ("维修", "repairing", ("{0}哪里可以修", "{0}维修要多少钱", "{0}不工作了怎么修", "寄修{0}的地址"),
     ("where can I have the {0} repaired", "how much is a {0} repair", "my {0} stopped working, can you fix it", "address to send the {0} for repair")),
    ("产地", "the origin of", ("{0}是哪里产的", "{0}是进口的吗", "{0}在哪个工厂做的", "{0}产地写的哪里"),
     ("where is the {0} made", "is the {0} imported", "which factory makes the {0}", "country of origin of the {0}")),
    ("优惠", "discounts on", ("{0}有优惠券吗", "{0}打几折", "{0}满减怎么算", "会员买{0}有折扣吗"),
     ("is there a coupon for the {0}", "any discount on the {0}", "members' price for the {0}", "voucher code for a {0}")),
    ("说明书", "the manual of", ("{0}的说明书在哪", "{0}说明书丢了", "{0}有没有中文说明", "下载{0}说明书"),
     ("where is the {0} manual", "lost the instructions of my {0}", "download the {0} guide", "is there a user manual for the {0}")),
    ("耗电", "power use of", ("{0}费电吗", "{0}功率多大", "{0}一天用多少度电", "{0}插哪种插座"),
     ("how much power does the {0} use", "what wattage is the {0}", "which plug does the {0} have", "does the {0} need a lot of electricity")),
)  # fmt: skip
_AROUND = (
    *(("", ""), ("", ""), ("", ""), ("请教，", "one more thing: "), ("", " as soon as possible")),
    *(
        ("上周下单的，", "bought last week, "),
        ("", " thanks in advance"),
        ("帮我看看", "could you tell me "),
        ("急，", "hi, "),
    ),
)


@dataclass(frozen=True, slots=True)
class Item:
    """An entry to be: what it is called and how customers ask, in both languages; some ways are kept for asking."""

    id: str
    zh: str
    en: str
    asked_zh: tuple[str, ...]
    asked_en: tuple[str, ...]
    kept: tuple[str, str]

    def as_yaml(self) -> str:
        """JSON strings are YAML strings."""
        asked = (f"      {tongue}: {json.dumps(ways, ensure_ascii=False)}" for tongue, ways in self._asked())
        return "\n".join(
            (
                f"  - id: {self.id}",
                f"    title: {{zh: {json.dumps(self.zh, ensure_ascii=False)}, en: {json.dumps(self.en)}}}",
                "    examples:",
                *asked,
                "    answers:",
                f"      zh: {json.dumps(f'关于{self.zh}：请看商品页，或回复“人工”。', ensure_ascii=False)}",
                f"      en: {json.dumps(f'About {self.en}: see the product page, or write “agent”.')}",
            )
        )

    def _asked(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        return (("zh", self.asked_zh), ("en", self.asked_en))


def items(entries: int, examples: int) -> Iterator[Item]:
    """So many entries of so many examples each (at least two); every entry keeps two ways to ask to itself."""
    draw = Random(_SEED)
    things = product(_KINDS, _THINGS, _ASPECTS)
    for number, (kind, thing, aspect) in enumerate(islice(things, entries)):
        zh, en = kind[0] + thing[0], f"{kind[1]} {thing[1]}"
        asked_zh = _ways(draw, aspect[2], zh, 0, (examples + 1) // 2 + 1)
        asked_en = _ways(draw, aspect[3], en, 1, examples // 2 + 1)
        kept = (asked_zh[-1], asked_en[-1])
        yield Item(f"item-{number}", f"{zh}{aspect[0]}", f"{aspect[1]} the {en}", asked_zh[:-1], asked_en[:-1], kept)


def _ways(draw: Random, patterns: Sequence[str], name: str, tongue: int, count: int) -> tuple[str, ...]:
    """The patterns themselves first, then with something around them; every one different."""
    ways = [pattern.format(name) for pattern in patterns]
    around = [_dressed(way, side[tongue]) for side in dict.fromkeys(_AROUND) for way in ways if side[tongue]]
    draw.shuffle(ways)
    draw.shuffle(around)
    return tuple(dict.fromkeys([*ways, *around]))[:count]


def _dressed(way: str, words: str) -> str:
    return way + words if words.startswith(" ") else words + way


def write(folder: Path, items: Sequence[Item], phrases: Path) -> None:
    """As a knowledge base of files with fifty entries each; the phrases are another base's."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "phrases.yaml").write_bytes(phrases.read_bytes())
    for start in range(0, len(items), _PER_TOPIC):
        name = f"items-{start // _PER_TOPIC:03d}"
        head = f"topic: {{zh: 第{start}起, en: From {start}}}\nowner: shop\nentries:\n"
        entries = "\n".join(item.as_yaml() for item in items[start : start + _PER_TOPIC])
        (folder / f"{name}.yaml").write_text(head + entries + "\n", encoding="utf-8")
