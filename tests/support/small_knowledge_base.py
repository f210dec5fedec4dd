"""A small knowledge base that trains in a moment: a kiosk with entries near to each other."""

from __future__ import annotations

from pathlib import Path

from support.knowledge_base_files import Editor
from support.shop import deployment_in

KIOSK = """\
topic: {zh: 小店, en: Kiosk}
owner: kiosk
entries:
  - id: opening
    title: {zh: 开门时间, en: Opening time}
    examples:
      zh: [早上什么时候开, 星期天开门吗,
        几点开门, 开始营业的时间, 节假日开不开, 你们开了没]
      en: [when do you open, are you open on sundays, opening hours, what time in the morning, open today, holidays too]
    answers: {zh: 九点开门。, en: We open at nine.}
  - id: closing
    title: {zh: 关门时间, en: Closing time}
    examples:
      zh: [晚上什么时候关, 星期天几点打烊,
        几点关门, 营业到什么时候, 最晚几点能来, 你们关了没]
      en: [when do you close, how late on sundays, closing time, until when in the evening, still open, last orders]
    answers: {zh: 九点关门。, en: We close at nine.}
  - id: refund
    title: {zh: 退款, en: Refund}
    examples:
      zh: [怎么退款, 我要退货, 把钱退给我, 买错了能退吗, 退款多久到, 不想要了]
      en: [I want my money back, how do I get a refund, return this, bought the wrong one, refund time, do not want it]
    answers: {zh: 带小票来就退。, en: Bring the receipt and we refund you.}
  - id: delivery
    title: {zh: 送货, en: Delivery}
    examples:
      zh: [能送货吗, 快递几天到, 送到家要钱吗, 外地寄不寄, 我的包裹呢, 多久送到]
      en: [do you deliver, how long does delivery take, shipping cost, send it abroad, my parcel, when will it arrive]
    answers: {zh: 三天送到。, en: It takes three days.}
"""
TESTS = """\
- {ask: "what are your opening hours", expect: opening}
- {ask: "get my money back", expect: refund}
- {ask: "who won the world cup in 1998", expect: person}
"""


def kiosk(folder: Path, tests: str = TESTS) -> tuple[Editor, Path]:
    """Its editor, and the configuration of a deployment on its knowledge base that has published nothing yet."""
    (folder / "base").mkdir()
    editor = Editor(folder / "base").writes(KIOSK, "kiosk.yaml").writes(tests, "tests.yaml")
    deployment_in(folder, knowledge_base=str(editor.folder), intents={"target_precision": 0.6})
    return editor, folder / "config.yaml"
