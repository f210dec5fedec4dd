"""Makes the pictures of the README anew from the running demo: `.venv/bin/python docs/pictures/make.py`.

It starts a demo of its own on free ports, lets three followers write and an agent answer, and photographs the desk
and a phone in chromium. Needs chromium and Noto Sans CJK (Debian: apt-get install chromium fonts-noto-cjk).
"""

from __future__ import annotations

import sys
import tempfile
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent.parent / "tests"))  # the product and its pages as the tests handle them

from browsing import DeskPage, PhonePage, chromium  # noqa: E402
from playwright.sync_api import Browser, Page, ViewportSize, expect  # noqa: E402
from product import Product, started  # noqa: E402

from bot.app import DEMO_LOGIN  # noqa: E402
from bot.simulators.wechat.page.words import Language  # noqa: E402

LARGE: ViewportSize = {"width": 1440, "height": 900}
SMALL: ViewportSize = {"width": 390, "height": 844}
LOCALES: dict[Language, str] = {"zh": "zh-CN", "en": "en-GB"}
# Of this family the Korean member has narrow quotation marks; in a Chinese page it takes the Chinese forms by itself.
FONTS = """<fontconfig><include>/etc/fonts/fonts.conf</include>
<match><test name="family" compare="contains"><string>sans</string></test><edit name="family" mode="prepend"
binding="strong"><string>Noto Sans CJK KR</string></edit></match></fontconfig>"""
FRAME = """<!doctype html><style>body { margin: 0; padding: 40px; width: max-content; display: flex; gap: 32px;
align-items: center; background: #dde8e1 }</style>"""
WINDOW, DEVICE = 14, 46  # how round their corners are, in pixels


@dataclass(frozen=True, slots=True)
class Talk:
    """What one follower and the agent say to each other. `odd` is what the bot leaves to a person."""

    language: Language
    name: str
    number: str
    ask: str
    points: str
    odd: str
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


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        fonts = Path(folder) / "fonts.conf"
        fonts.write_text(FONTS)
        with started(Path(folder)) as product, chromium(FONTCONFIG_FILE=str(fonts)) as browser:
            Studio(product, browser).make()


class Studio:
    """Where the story is played and photographed."""

    def __init__(self, product: Product, browser: Browser) -> None:
        self._product = product
        self._browser = browser

    def make(self) -> None:
        self._others_wait()
        for talk, name in ((GRACE, "desk-and-phone"), (LIN, "desk-and-phone.zh")):
            phone, desk = self._played(talk)
            device = phone.page.locator(".device").screenshot()
            self._compose(f"{name}.png", (desk.page.screenshot(), WINDOW), (device, DEVICE))
            desk.does("resolve")
        self._compose("desk-dark-phone-size.png", *((view, WINDOW) for view in self._dark_and_small()))

    def _others_wait(self) -> None:
        for name, number, said in OTHERS:
            phone = PhonePage(self._screen("zh"), self._product.phone)
            phone.follows(name, number)
            for text in said:
                phone.types(text)

    def _played(self, talk: Talk) -> tuple[PhonePage, DeskPage]:
        """A talk up to the agent's last words, which are written and not yet sent."""
        phone = PhonePage(self._screen(talk.language), self._product.phone, talk.language)
        phone.follows(talk.name, talk.number)
        for text in (talk.ask, talk.points, talk.number):
            phone.types(text)
        phone.fills_in_the_code()
        phone.types(talk.odd)
        desk = self._desk(talk.language)
        desk.looks_at("all")
        desk.opens(desk.cases().last)
        desk.does("claim")
        desk.notes(talk.note)
        desk.replies(talk.reply)
        expect(phone.said_to_me().last).to_have_text(talk.reply)
        phone.types(talk.thanks)
        expect(desk.thread().get_by_text(talk.thanks)).to_be_visible()
        desk.drafts(talk.draft)
        _settled(desk)
        return phone, desk

    def _dark_and_small(self) -> list[bytes]:
        """The list, a case and the customer, as an agent on the train sees them."""
        desk = self._desk("zh", SMALL, dark=True)
        views = [desk.page.screenshot()]
        desk.opens_the_first()
        _settled(desk)
        views.append(desk.page.screenshot())
        desk.page.get_by_role("button", name=desk.words["thread.info"]).click()
        return [*views, desk.page.screenshot()]

    def _desk(self, language: Language, size: ViewportSize = LARGE, dark: bool = False) -> DeskPage:
        return DeskPage(self._screen(language, size, dark), self._product.site, DEMO_LOGIN, language)

    def _screen(self, language: Language, size: ViewportSize = LARGE, dark: bool = False) -> Page:
        context = self._browser.new_context(
            viewport=size,
            locale=LOCALES[language],
            timezone_id="Asia/Shanghai",
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
        )
        return context.new_page()

    def _compose(self, name: str, *views: tuple[bytes, int]) -> None:
        """Screenshots side by side in one picture, each with the roundness of its corners."""
        page = self._browser.new_page()
        page.set_content(FRAME + "".join(_shown(*view) for view in views))
        page.locator("body").screenshot(path=HERE / name)
        page.close()
        print(f"{name}: {(HERE / name).stat().st_size // 1024} KB")  # noqa: T201 - a command


def _shown(view: bytes, corners: int) -> str:
    return f'<img src="data:image/png;base64,{b64encode(view).decode()}" style="border-radius: {corners}px">'


def _settled(desk: DeskPage) -> None:
    """Twenty seconds after a reply was offered without a repeat, it counts as sent."""
    expect(desk.thread().locator(".delivery.offered")).to_have_count(0, timeout=60_000)


if __name__ == "__main__":
    main()
