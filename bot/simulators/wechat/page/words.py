"""Every word on the page, in both languages."""

from __future__ import annotations

from typing import Literal, TypeAlias, TypedDict

Language: TypeAlias = Literal["zh", "en"]


class Both(TypedDict):
    zh: str
    en: str


def _both(zh: str, en: str) -> Both:
    return {"zh": zh, "en": en}


WORDS: dict[str, Both] = {
    "title": _both("微信模拟器", "WeChat simulator"),
    "skip": _both("跳到聊天", "Skip to the chat"),
    "other_language": _both("English", "中文"),
    "views": _both("视图", "Views"),
    "chat": _both("聊天", "Chat"),
    "people": _both("关注者", "Followers"),
    "behind": _both("幕后", "Backstage"),
    "account": _both("公众号", "Official account"),
    "mode_safe": _both("安全模式", "Safe mode"),
    "mode_plain": _both("明文模式", "Plain mode"),
    "no_api": _both("无客服接口", "No send API"),
    "webhook": _both("推送到", "Pushes to"),
    "verify": _both("验证 URL", "Verify URL"),
    "verified": _both("验证通过", "The webhook is ours"),
    "not_verified": _both("验证未通过：", "Not verified: "),
    "name": _both("名字", "Name"),
    "number": _both("手机号（可不填）", "Phone (optional)"),
    "add": _both("新增并关注", "Add and follow"),
    "not_following": _both("未关注", "not following"),
    "unread": _both("条未读", "unread"),
    "follow": _both("关注公众号", "Follow this account"),
    "unfollow": _both("取消关注", "Unfollow"),
    "lines": _both("聊天记录", "Conversation"),
    "nothing_yet": _both("发一条消息试试，下面有几个问题可以直接点。", "Write something, or tap a question below."),
    "write": _both("写消息", "Message"),
    "send": _both("发送", "Send"),
    "more": _both("更多：图片、语音、位置", "More: picture, voice, location"),
    "picture": _both("图片", "Picture"),
    "voice": _both("语音", "Voice"),
    "voice_hint": _both("把输入框里的字当作语音发出", "Sends what you typed as if it had been spoken"),
    "location": _both("位置", "Location"),
    "place": _both("上海市静安区南京西路 1266 号", "1266 West Nanjing Road, Shanghai"),
    "questions": _both("可以这样问", "Try asking"),
    "menu": _both("公众号菜单", "Account menu"),
    "sms": _both("短信", "Text message"),
    "fill": _both("填入", "Fill in"),
    "close": _both("关闭", "Close"),
    "quota": _both("客服消息额度", "Messages the account may still send"),
    "quota_none": _both("没有打开的窗口：客服消息会被拒绝（45015）", "No open window: sends are refused (45015)"),
    "quota_left": _both("还可发送 {n} 条，窗口还开 {span}", "{n} left, window open for {span}"),
    "wire": _both("往来记录", "On the wire"),
    "wire_none": _both("还没有请求。", "No requests yet."),
    "way_push": _both("推送", "Push"),
    "way_api": _both("接口", "API"),
    "way_sms": _both("短信", "SMS"),
    "way_verify": _both("验证", "Verify"),
    "attempt": _both("第 {n} 次", "attempt {n}"),
    "asking_again": _both("再次推送 {n}/3", "asking again {n}/3"),
    "sending": _both("推送中", "pushing"),
    "failed": _both("未送达", "not answered"),
    "was_cut": _both("超过 2048 字节，已截断", "over 2048 bytes, cut"),
    "via_passive": _both("被动回复", "passive reply"),
    "via_api": _both("客服消息", "customer-service message"),
    "outcome_replied": _both("已回复", "replied"),
    "outcome_quiet": _both("success", "success"),
    "outcome_malformed": _both("格式错误", "malformed"),
    "outcome_timeout": _both("超时", "timeout"),
    "outcome_unreachable": _both("连不上", "unreachable"),
    "outcome_ok": _both("成功", "ok"),
    "outcome_repeated": _both("重复", "repeat"),
    "outcome_dropped": _both("断开", "dropped"),
    "outcome_echo": _both("回显不符", "wrong echo"),
    "outcome_status": _both("状态码不符", "wrong status"),
    "faults": _both("制造故障", "Make trouble"),
    "fault_down": _both("接口宕机（503）", "API down (503)"),
    "fault_slow": _both("接口慢 3 秒", "API 3 s late"),
    "fault_error": _both("下一次发送返回", "Next send returns"),
    "fault_drop": _both("下一次发送后断线", "Drop the connection after the next send"),
    "fault_duplicate": _both("下一条消息推送两份", "Push the next message twice"),
    "fault_swap": _both("下一条消息被后一条超过", "Let the next message be overtaken"),
    "fault_revoke": _both("作废全部 access_token", "Revoke all access tokens"),
    "revoked": _both("已作废", "revoked"),
    "none": _both("无", "none"),
    "event_subscribe": _both("你关注了这个公众号", "You followed this account"),
    "event_unsubscribe": _both("你取消了关注", "You stopped following"),
    "event_click": _both("你点了菜单", "You tapped"),
    "event_other": _both("事件", "Event"),
    "transferred": _both("已转接人工客服", "Transferred to customer service"),
    "offline": _both("与模拟器的连接断开，正在重连…", "Lost the simulator; connecting again…"),
    "nobody": _both("先在左边新增一位关注者。", "Add a follower first."),
    "image_alt": _both("发送的图片", "The picture that was sent"),
}
