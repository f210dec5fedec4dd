"""How X counts a post: two for a Chinese character or an emoji, 23 for an address (twitter-text, config v3).

The rules, the top-level domains and the emoji are those of twitter-text-parser; its own parser is not used to count. It
takes half a minute over 5,000 signs of "a.a.a.", and what is counted here was written by strangers. A test compares
the two.

Version 3.0 of the library reads its list of emoji by pkg_resources, which setuptools gave up in version 82; that one
function is lent to it while it is imported.
"""

from __future__ import annotations

import re
import sys
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import ModuleType

from bot.folding import composed

LONGEST = 16_000  # characters; in a longer text, which no post can be, every sign counts as it is written
_ADDRESS_WEIGHS = 23
_LONGEST_ADDRESS = 4096
_LONGEST_HOST = 280  # more is no host (RFC 1035 allows 253), and weighs too much as it is
_LONGEST_LABEL = 63
_LONGEST_SLUG = 40  # of a t.co address
_HEAVY = re.compile("[^\u0000-\u10ff\u2000-\u200d\u2010-\u201f\u2032-\u2037]")
_SPACES = r"\x09-\x0D\x20\x85\xA0\u1680\u180E\u2000-\u200A\u2028\u2029\u202F\u205F\u3000"
_MARKS = r"\u202A-\u202E\u061C\u200E\u200F\u2066-\u2069"
_HOST = re.compile(rf"[^!#%&'()*+,\\/:;<=>?@\[\]^{{|}}~${_SPACES}\uFFFE\uFEFF\uFFFF{_MARKS}]++")
_NO_HOST_AFTER = re.compile("[A-Za-z0-9@＠$#＃\ufffe\ufeff\uffff]")
_BEFORE_HOST = re.compile("[^A-Za-z0-9@＠$#＃]")
_PROTOCOL = re.compile("https?://", re.IGNORECASE)
_PORT = re.compile(r":[0-9]++")
_LETTERS = r"a-z\u0400-\u04FF\xC0-\xD6\xD8-\xF6\xF8-\u024F\u0253-\u02BB\u0300-\u036F\u1E00-\u1EFF"
_PATH_SIGN = rf"[{_LETTERS}0-9!*';:=+,.$/%#\[\]\-\u2013_~@|&]"
_PATH = re.compile(rf"/(?:{_PATH_SIGN}|\((?:{_PATH_SIGN}*+\({_PATH_SIGN}++\))?{_PATH_SIGN}*+\))*+", re.IGNORECASE)
_PATH_ENDS = re.compile(rf"[{_LETTERS}+\-0-9=_#/)]", re.IGNORECASE)
_QUERY = re.compile(r"\?[a-z0-9!?*'@();:&=+$/%#\[\]\-_.,~|]*", re.IGNORECASE)
_QUERY_ENDS = re.compile(r"[a-z0-9\-_&=#/]", re.IGNORECASE)
_SHORT_ADDRESS = re.compile(r"https?://t\.co/([a-z0-9]++)(?:\?[a-z0-9!?*'@();:&=+$/%#\[\]\-_.,~|]*+)?", re.IGNORECASE)
_MAYBE_EMOJI = re.compile("[\u00a9\u00ae\u200d\u203c-\u2bff\u3030-\u303d\u3297-\u3299\ufe0f\U0001f000-\U000e007f]+")
_KEYS = frozenset("0123456789#*")  # with the sign of a key cap behind them, an emoji
_JOINED = frozenset("-_./")
_DOTS = re.compile("[.。．｡]")


@dataclass(frozen=True, slots=True)
class Mark:
    """A part of a text that counts as one: `text[start:end]` weighs `weight`."""

    start: int
    end: int
    weight: int


def weigh(text: str) -> int:
    """The weighted length; a post has at most 280."""
    normal = composed(text).replace("\r\n", "\n")
    weight, at = 0, 0
    for mark in _marks(normal):
        weight += _weight(normal[at : mark.start]) + mark.weight
        at = mark.end
    return weight + _weight(normal[at:])


class Scale:
    """A text laid out once, so that pieces of it can be measured one after the other."""

    def __init__(self, text: str) -> None:
        self._length = len(text)
        self._marks = _marks(text)
        self._starts = [mark.start for mark in self._marks]
        self._heavy = [found.start() for found in _HEAVY.finditer(text)]

    def reach(self, start: int, most: int) -> int:
        """The end of the longest piece from `start` on that weighs at most `most`; addresses and emoji stay whole."""
        at, left = start, most
        for place in range(bisect_left(self._starts, start), len(self._marks)):
            mark = self._marks[place]
            at, left = self._plainly(at, mark.start, left)
            if at < mark.start or mark.weight > left:
                return at
            at, left = mark.end, left - mark.weight
        return self._plainly(at, self._length, left)[0]

    def _plainly(self, start: int, end: int, left: int) -> tuple[int, int]:
        """How far signs without a mark among them may go, and what is left then."""
        nearest, farthest = start, min(end, start + left)
        while nearest < farthest:
            middle = (nearest + farthest + 1) // 2
            if self._weight(start, middle) <= left:
                nearest = middle
            else:
                farthest = middle - 1
        return nearest, left - self._weight(start, nearest)

    def _weight(self, start: int, end: int) -> int:
        return end - start + bisect_left(self._heavy, end) - bisect_left(self._heavy, start)


def _weight(plain: str) -> int:
    return len(plain) + len(_HEAVY.findall(plain))


def _marks(text: str) -> list[Mark]:
    """The addresses of a text and the emoji outside of them, in their order."""
    if len(text) > LONGEST:
        return []
    addresses = list(_addresses(text)) if "." in text else []
    marks: list[Mark] = []
    at = 0
    for address in [*addresses, Mark(len(text), len(text), 0)]:
        marks += _emoji(text, at, address.start)
        marks.append(address)
        at = address.end
    return marks[:-1]


def _emoji(text: str, start: int, end: int) -> Iterator[Mark]:
    """The longest sequence that is an emoji, wherever one begins."""
    known = _known_emoji()
    for run in _MAYBE_EMOJI.finditer(text, start, end):
        at = run.start()
        if at > start and text[at - 1] in _KEYS:
            at -= 1
        while at < run.end():
            longest = known.lengths.get(text[at], ())
            size = next((size for size in longest if text[at : min(at + size, end)] in known.all), 0)
            if size:
                yield Mark(at, at + size, 2)
            at += size or 1


def _addresses(text: str) -> Iterator[Mark]:
    at = after = 0
    while found := _HOST.search(text, at):
        at = found.end()
        if "." in found[0] and len(found[0]) <= _LONGEST_HOST:
            read = _read_at(text, found, after)
            yield from read.marks
            at = read.end
            after = at if at > found.end() or read.marks else after


@dataclass(frozen=True, slots=True)
class _Read:
    """The addresses found in a stretch of the text, and where it ends: the next one can begin there."""

    marks: tuple[Mark, ...]
    end: int


def _read_at(text: str, found: re.Match[str], after: int) -> _Read:
    """What a run of signs that may stand in a host, with a dot in it, is worth: one address with https:// before it, or
    the ASCII domains in it without. after: where the stretch read before ended."""
    start = _opening(text, found.start(), after)
    protocol = start < found.start()
    if protocol and start > after and _NO_HOST_AFTER.match(text, start - 1):
        return _Read((), found.end())
    begins = [found.start()] if protocol else _beginnings(text, found, after)
    host_at, host = next(((at, host) for at in begins if (host := _domain(text, at, found.end()))), (0, ""))
    if not host:
        return _Read((), found.end())
    path_at = host_at + len(host)
    slash, end = _address_end(text, path_at)
    start = start if protocol else host_at
    if not _encodes(host) or end - start > _LONGEST_ADDRESS - (0 if protocol else len("https://")):
        return _Read((), end)
    if protocol:
        return _Read(_whole(text, start, end), end)
    joined = host_at > 0 and text[host_at - 1] in _JOINED
    return _Read(() if joined else _ascii_domains(host, host_at, end if slash else path_at), end)


def _beginnings(text: str, found: re.Match[str], after: int) -> list[int]:
    """Where in a run a host without https:// may begin: behind a sign that no name or tag could go on from."""
    start, behind = found.start(), _BEFORE_HOST.match(text, found.start())
    if start == 0:
        return [1, 0] if behind else [0]
    if start > after and not _NO_HOST_AFTER.match(text, start - 1):
        return [start]
    inside = _BEFORE_HOST.search(text, start, found.end())
    return [inside.end()] if inside else []


def _opening(text: str, host_at: int, after: int) -> int:
    """Where the address of a host begins: at the http:// right before it, if there is one."""
    for size in (len("https://"), len("http://")):
        if host_at >= after + size and _PROTOCOL.fullmatch(text, host_at - size, host_at):
            return host_at - size
    return host_at


def _whole(text: str, start: int, end: int) -> tuple[Mark, ...]:
    short = _SHORT_ADDRESS.match(text, start, end)
    if short is None:
        return (Mark(start, end, _ADDRESS_WEIGHS),)
    if len(short[1]) > _LONGEST_SLUG:
        return ()
    return (Mark(start, _trimmed(text, start, short.end(), _QUERY_ENDS), _ADDRESS_WEIGHS),)


def _ascii_domains(host: str, host_at: int, end: int) -> tuple[Mark, ...]:
    """Each of them; the last one has the path, if there is one."""
    spans = [found.span() for found in _library().ascii_domain.finditer(host)]
    ends = [host_at + stop for _, stop in spans]
    if ends and end > host_at + len(host):
        ends[-1] = end
    return tuple(Mark(host_at + start, stop, _ADDRESS_WEIGHS) for (start, _), stop in zip(spans, ends, strict=True))


def _domain(text: str, start: int, end: int) -> str:
    """The longest part of a run, from `start` on, that ends in a top-level domain; '' if it has none."""
    names = text[start:end].split(".")
    at = end
    while len(names) > 1:
        at -= len(names.pop())
        top = _library().top.match(text, at)
        if top and _are_names(names):
            return text[start : top.end()]
        at -= 1
    return ""


def _are_names(labels: list[str]) -> bool:
    """Whether these may stand before a top-level domain: no label begins or ends with a mark, the last has no "_"."""
    return "_" not in labels[-1] and all(label and not {label[0], label[-1]} & {"-", "_"} for label in labels)


def _encodes(host: str) -> bool:
    """Whether the domain name system could carry it."""
    if not all(0 < len(label) <= _LONGEST_LABEL for label in _DOTS.split(host)):
        return False
    if host.isascii():
        return True
    try:
        return bool(host.encode("idna"))
    except UnicodeError:
        return False


def _address_end(text: str, at: int) -> tuple[bool, int]:
    """Whether a path follows a host, and where port, path and query end."""
    port = _PORT.match(text, at)
    end = port.end() if port else at
    path = _PATH.match(text, end)
    if path:
        end = _trimmed(text, path.start() + 1, path.end(), _PATH_ENDS)
    query = _QUERY.match(text, end)
    asked = _trimmed(text, end + 1, query.end(), _QUERY_ENDS) if query else end
    return path is not None, asked if asked > end + 1 else end


def _trimmed(text: str, start: int, end: int, ends: re.Pattern[str]) -> int:
    """`end` moved back to behind the last sign with which this may end."""
    while end > start and not ends.match(text, end - 1):
        end -= 1
    return end


@dataclass(frozen=True, slots=True)
class _Library:
    """top: a top-level domain. ascii_domain: a domain of ASCII and accented letters."""

    top: re.Pattern[str]
    ascii_domain: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class _KnownEmoji:
    """lengths: by an emoji's first sign, longest first."""

    all: frozenset[str]
    lengths: dict[str, tuple[int, ...]]


@cache
def _library() -> _Library:
    with _resources_lent():
        from twitter_text.regexp.valid_ascii_domain import valid_ascii_domain
        from twitter_text.regexp.valid_cctld import valid_cctld
        from twitter_text.regexp.valid_gtld import valid_gtld
        from twitter_text.regexp.valid_punycode import valid_punycode
    tops = "|".join(one.pattern for one in (valid_gtld, valid_cctld, valid_punycode))
    return _Library(re.compile(f"(?:{tops})", re.IGNORECASE), valid_ascii_domain)


@cache
def _known_emoji() -> _KnownEmoji:
    with _resources_lent():
        from twitter_text.regexp.emoji import emoji_list
    known = frozenset("".join(chr(int(code, 16)) for code in one.codepoint.split()) for one in emoji_list)
    lengths: dict[str, set[int]] = {}
    for one in known:
        lengths.setdefault(one[0], set()).add(len(one))
    return _KnownEmoji(
        known,
        {first: tuple(sorted(sizes, reverse=True)) for first, sizes in lengths.items()},
    )


@contextmanager
def _resources_lent() -> Iterator[None]:
    lent = ModuleType("pkg_resources")
    lent.resource_string = _resource  # type: ignore[attr-defined]
    kept = sys.modules.get("pkg_resources")
    sys.modules["pkg_resources"] = lent
    try:
        yield
    finally:
        del sys.modules["pkg_resources"]
        if kept is not None:
            sys.modules["pkg_resources"] = kept


def _resource(module: str, name: str) -> bytes:
    return files(module.rpartition(".")[0]).joinpath(name).read_bytes()
