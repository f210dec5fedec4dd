"""What X finds in a text: its weighted length, mentions and links.

Rules: github.com/twitter/twitter-text, config/v3.json and its conformance suite, with two simplifications: only common
top-level domains make a link without https://, and hosts in other scripts than Latin are no links.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass

LONGEST_POST = 280  # weighted
LONGEST_MESSAGE = 10_000  # characters
_LINK_WEIGHT = 23  # of any link, because X replaces it by one of t.co
# Ranges of code points with weight 1; all others have 2 (in config/v3.json: 100 and 200, with scale 100).
_LIGHT = ((0x0000, 0x10FF), (0x2000, 0x200D), (0x2010, 0x201F), (0x2032, 0x2037))

_MENTION = re.compile(r"(?<![A-Za-z0-9_@＠!#$%&*])[@＠]([A-Za-z0-9_]{1,15})(?![A-Za-z0-9_@＠])")
_GENERIC = (
    " com net org edu gov mil int info biz name pro mobi asia app dev shop store online site xyz top vip club tech"
    " cloud wang love ltd live link page blog news wiki work art design fun group co tv io "
)
_PATH = r"(?:/(?:[A-Za-z0-9!*';:=+,.$/%#\[\]_~|&@()–-]*[A-Za-z0-9=_#/+\-)])?)"
_QUERY = r"(?:\?[A-Za-z0-9!?*'();:&=+$/%#\[\]_.,~|@-]*[A-Za-z0-9_&=#/-])"
_LINK = re.compile(
    r"(?:(?<![A-Za-z0-9@＠$#＃])(?P<scheme>https?://)|(?<![A-Za-z0-9@＠$#＃_./-]))"
    rf"(?P<host>[A-Za-z0-9_-]++(?:\.[A-Za-z0-9_-]++)++)(?![@＠])(?P<path>(?::\d+)?{_PATH}?{_QUERY}?)",
    re.IGNORECASE,
)
_PICTURE = (
    "[\u00a9\u00ae\u203c\u2049\u2122\u2139\u2194-\u21aa\u231a-\u23ff\u24c2\u25aa-\u27bf\u2934-\u2b55"
    "\u3030\u303d\u3297\u3299\U0001f000-\U0001faff]"
)
_EMOJI = re.compile(
    "[\U0001f1e6-\U0001f1ff]{2}|[0-9#*]\ufe0f?\u20e3"
    f"|{_PICTURE}[\ufe0f\U0001f3fb-\U0001f3ff]*[\U000e0020-\U000e007f]*(?:\u200d{_PICTURE}[\ufe0f\U0001f3fb-\U0001f3ff]*)*"
)
_GRAPHEME = re.compile(f"{_EMOJI.pattern}|.", re.DOTALL)
_HAN = re.compile(r"[㐀-鿿]")
_KANA = re.compile(r"[぀-ヿ]")
_LATIN = re.compile(r"[A-Za-z]{2,}")


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a text."""

    start: int  # in code points, as `end`
    end: int
    word: str  # a handle without '@', or a link's address as written


def weighted_length(text: str) -> int:
    """The weighted length, at most LONGEST_POST for a post: a link has 23, an emoji 2, a character 1 or 2."""
    normal = unicodedata.normalize("NFC", text)
    weight, at = 0, 0
    for link in links_in(normal):
        weight += _weight(normal[at : link.start]) + _LINK_WEIGHT
        at = link.end
    return weight + _weight(normal[at:])


def _weight(text: str) -> int:
    return sum(
        1 if len(seen) == 1 and any(first <= ord(seen) <= last for first, last in _LIGHT) else 2
        for seen in _GRAPHEME.findall(text)
    )


def mentions_in(text: str) -> tuple[Span, ...]:
    return tuple(Span(found.start(), found.end(), found[1]) for found in _MENTION.finditer(text))


def links_in(text: str) -> tuple[Span, ...]:
    found = (one for one in _LINK.finditer(text) if _is_link(one)) if "." in text else ()
    return tuple(Span(one.start(), one.end(), one[0]) for one in found)


def _is_link(found: re.Match[str]) -> bool:
    """Whether the host is valid. Without a scheme, a country domain needs a subdomain or a path to be a link."""
    labels = found["host"].lower().split(".")
    top = labels[-1]
    if not top.isalpha() or len(top) < 2 or any(len(one) > 63 or one.strip("-") != one for one in labels):
        return False
    if found["scheme"] or f" {top} " in _GENERIC:
        return True
    return len(top) == 2 and (len(labels) > 2 or found["path"].startswith("/"))


def wrap_links(text: str) -> tuple[str, tuple[Span, ...]]:
    """The text with every link replaced by one of t.co, and their new places; `word` is the original address."""
    made, links, at = "", [], 0
    for link in links_in(text):
        short = f"https://t.co/{hashlib.sha256(link.word.encode()).hexdigest()[:10]}"
        made += text[at : link.start]
        links.append(Span(len(made), len(made) + len(short), link.word))
        made, at = made + short, link.end
    return made + text[at:], tuple(links)


def language(text: str) -> str:
    """An approximation of X's language detection: zh, ja, en, or und (undetermined)."""
    if _KANA.search(text):
        return "ja"
    if _HAN.search(text):
        return "zh"
    return "en" if _LATIN.search(text) else "und"
