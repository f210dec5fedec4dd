"""The scene of the pictures: a running demo in which two followers have been answered and two wait, and a browser."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))  # the tests' helpers for the product and its users

import httpx
from playwright.sync_api import Browser, Page, StorageState, ViewportSize, expect
from support.chromium import launched
from support.followers_and_agents import Agent, Follower
from support.running_product import Product, eventually, started

from bot.app.site import DEMO_LOGIN

SIZES: dict[str, ViewportSize] = {
    "large": {"width": 1440, "height": 900},
    "medium": {"width": 1280, "height": 800},
    "small": {"width": 390, "height": 844},
}
LOCALES: dict[str, str] = {"zh": "zh-CN", "en": "en-GB"}
# The Korean font of this family has narrow quotation marks; in a Chinese page it shows the Chinese glyphs anyway.
FONTS = """<fontconfig><include>/etc/fonts/fonts.conf</include>
<match><test name="family" compare="contains"><string>sans</string></test><edit name="family" mode="prepend"
binding="strong"><string>Noto Sans CJK KR</string></edit></match></fontconfig>"""


@dataclass(frozen=True, slots=True)
class Talk:
    """What one follower and the agent say to each other."""

    language: str
    name: str
    number: str
    ask: str
    points: str
    odd: str  # what the bot leaves to a person
    note: str
    reply: str
    thanks: str
    draft: str


LIN = Talk(
    "zh",
    "林晓",
    "13800000001",
    "绿茶怎么泡？",
    "我有多少积分？",
    "能把我爷爷的名字刻在壶底吗？他下个月八十大寿",
    "问过景德镇的师傅：刻底款五天，免费。",
    "林小姐您好，我是小云。可以的：我们请景德镇的师傅刻底款，五天寄出，不另收费。要刻哪几个字呢？",
    "太好了！就刻他的名字：林敬亭",
    "好的，「林敬亭」三个字，篆书。今天下单的话，25 号前一定寄到。也祝爷爷生日快乐！",
)
GRACE = Talk(
    "en",
    "Grace Miller",
    "+447700900123",
    "How do I brew green tea?",
    "How many points do I have?",
    "Can you engrave a name on the base of a gaiwan? It's for my grandfather, he turns 80 next month.",
    "Asked the workshop in Jingdezhen: five days, no charge.",
    "Hello Grace, Yun here. Yes, gladly: our potter engraves it by hand before firing. It takes five days and is free."
    " Which name shall it be?",
    "How lovely, thank you! His name is Arthur.",
    "“Arthur” it is. Order today and it reaches you by the 2nd, in good time. A happy birthday to him from all of us!",
)
OTHERS = (
    ("周敏", "13800000005", ("收到的盖碗碎了一只", "这是周六要送人的", "能赶在周五前补寄一只吗？")),
    ("Daniel Ong", "+447700900456", ("I'd like to talk to a person please", "Hello?", "It's about order 20261118-7")),
)


@contextmanager
def stage() -> Iterator[Studio]:
    """Starts a demo on free ports, trains it, plays the conversations, and opens a browser."""
    with tempfile.TemporaryDirectory() as folder:
        fonts = Path(folder) / "fonts.conf"
        fonts.write_text(FONTS)
        with started(Path(folder)) as product, launched(FONTCONFIG_FILE=str(fonts)) as browser:
            play(product)
            yield Studio(product, browser)


class Studio:
    """Opens browser windows on the product, all logged in with one session."""

    def __init__(self, product: Product, browser: Browser) -> None:
        self.site, self.phone = product.site, product.phone
        self._browser = browser
        self._known: StorageState | None = None
        page = self.screen("en", "light", "large")
        page.goto(f"{product.site}/login")
        page.locator(".demo button").click()
        expect(page.locator("#live.on")).to_be_visible()
        self._known = page.context.storage_state()
        page.context.close()

    def screen(self, language: str, scheme: str, size: str) -> Page:
        """language: 'zh' or 'en'; scheme: 'light' or 'dark'; size: of SIZES."""
        context = self._browser.new_context(
            storage_state=self._known,
            viewport=SIZES[size],
            locale=LOCALES[language],
            color_scheme="dark" if scheme == "dark" else "light",
            timezone_id="Asia/Shanghai",
            reduced_motion="reduce",
        )
        return context.new_page()


def play(product: Product) -> None:
    """Two have been answered by a person, two wait, one case has ended; and everything counts as sent."""
    agent = Agent(product, *DEMO_LOGIN)
    for talk in (LIN, GRACE):
        _answered(product, agent, talk)
    for name, number, said in OTHERS:
        waiting = Follower(product, name, number)
        for text in said:
            waiting.says(text)
    Follower(product, "何静宜", "13800000010").says("我要找人工客服")
    agent.does("resolve", max(agent.board(), key=lambda line: line["opened_at"])["id"])
    mine = [line["id"] for line in agent.board() if line["agent"]]
    eventually(lambda: all(_settled(agent, case) for case in mine), "every reply counts as sent")
    eventually(lambda: _in_one_window(product), "the minute after following is over", 90)


def _answered(product: Product, agent: Agent, talk: Talk) -> None:
    follower = Follower(product, talk.name, talk.number)
    for text in (talk.ask, talk.points, talk.number):
        follower.hears(text)
    follower.hears(follower.code())
    follower.hears(talk.odd)
    case = next(line["id"] for line in agent.board() if line["state"] == "waiting")
    agent.does("claim", case)
    agent.notes(case, talk.note)
    agent.writes(case, talk.reply)
    follower.waits_for("the answer", lambda lines: lines[-1]["text"] == talk.reply)
    follower.says(talk.thanks)


def _in_one_window(product: Product) -> bool:
    """Whether the phones count the same messages as the desk: a follow opens three more for a minute."""
    followers = httpx.get(f"{product.phone}/api/followers", trust_env=False).json()
    return all(one["quota"]["of"] <= 5 for one in followers)


def _settled(agent: Agent, case: str) -> bool:
    return all(piece["state"] == "sent" for piece in agent.case(case)["outgoing"])
