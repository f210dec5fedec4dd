"""The words that stand on every simulator's page, in both languages."""

from __future__ import annotations

from typing import Literal, TypeAlias, TypedDict

Language: TypeAlias = Literal["zh", "en"]


class Both(TypedDict):
    zh: str
    en: str


def both(zh: str, en: str) -> Both:
    return {"zh": zh, "en": en}


FRAME: dict[str, Both] = {
    "other_language": both("English", "中文"),
    "views": both("视图", "Views"),
    "behind": both("幕后", "Backstage"),
    "wire": both("往来记录", "On the wire"),
    "wire_none": both("还没有请求。", "No requests yet."),
    "faults": both("制造故障", "Make trouble"),
    "close": both("关闭", "Close"),
    "name": both("名字", "Name"),
    "offline": both("与模拟器的连接断开，正在重连…", "Lost the simulator; connecting again…"),
}
