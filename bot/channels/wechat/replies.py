"""Passive replies as XML that survives whatever an editor or agent wrote.

wechatpy renders the reply; it escapes nothing, so `]]>` would end the CDATA and inject elements, and a control
character would make WeChat say that the account is out of order (reference 1.11).
"""

from __future__ import annotations

from wechatpy.replies import TextReply

from bot.wording import clean


def text_reply(to: str, sender: str, text: str, at: int) -> str:
    """A text reply [DOC Passive_user_reply_message]. `at` in seconds; '' if nothing readable is left of the text."""
    readable = clean(text)
    if not readable.strip():
        return ""
    reply = TextReply(target=_cdata(to), source=_cdata(sender), content=_cdata(readable), time=at)
    return str(reply.render())


def envelope(sealed: str, signature: str, timestamp: str, nonce: str) -> str:
    """An encrypted reply [DOC service/guide/dev/push]; the nonce is the request's."""
    return (
        f"<xml><Encrypt><![CDATA[{sealed}]]></Encrypt><MsgSignature><![CDATA[{signature}]]></MsgSignature>"
        f"<TimeStamp>{timestamp}</TimeStamp><Nonce><![CDATA[{_cdata(nonce)}]]></Nonce></xml>"
    )


def _cdata(text: str) -> str:
    """What may stand inside a CDATA section: a closing mark is parted between two of them."""
    return text.replace("]]>", "]]]]><![CDATA[>")
