"""What is kept, as the doctor finds it: who can read the files, and why Redis does not serve us."""

from __future__ import annotations

from collections.abc import Sequence

from bot.doctor.findings import Finding, Words, fail, ok, warn

_ADDRESS_OF_NERVE = Words(
    "检查 nerve 的主机、端口与防火墙，以及是否使用 TLS（rediss://）；需要 Redis 7.0 或更新",
    "check host, port and firewall of `nerve`, and whether it speaks TLS (rediss://); Redis 7.0 or later, or Valkey",
)
_NERVE = {
    "password": (
        Words("用户名或密码被拒绝", "it refuses the user or the password"),
        Words(
            "检查 nerve 里的用户名和密码（# 写成 %23，/ 写成 %2F）",
            "check user and password in `nerve` (# is written %23, / is written %2F)",
        ),
    ),
    "rights": (
        Words("该用户权限不足", "its user may not do what is needed"),
        Words(
            "授权：ACL SETUSER 用户 ~yingda:* &yingda:* +@all -@dangerous",
            "allow it: ACL SETUSER user ~yingda:* &yingda:* +@all -@dangerous",
        ),
    ),
    "certificate": (
        Words("其证书不被信任", "its certificate is not trusted"),
        Words(
            "私有 CA 请在地址后加 ?ssl_ca_certs=/路径/ca.pem，主机名须与证书一致",
            "for a CA of your own add ?ssl_ca_certs=/path/ca.pem to the address; the host must be the certificate's",
        ),
    ),
    "tls": (
        Words("没有按要求使用 TLS", "it does not speak TLS as asked"),
        Words("检查端口，或把 rediss:// 改为 redis://", "check the port, or write redis:// instead of rediss://"),
    ),
    "cluster": (
        Words("它是 Redis 集群", "it is a cluster"),
        Words("请使用单个服务器（可带副本）", "name a single server, with replicas if you like"),
    ),
    "replica": (
        Words("它是只读副本", "it is a replica that nobody may write to"),
        Words("请填写主节点，或跟随主节点的代理", "name the master, or a proxy that follows it"),
    ),
    "loading": (
        Words("它仍在加载数据", "it is still loading"),
        Words("稍候再试", "wait, and look again"),
    ),
}


def privacy(readable: Sequence[str]) -> Finding:
    """`readable`: what others on this machine can read although nobody but Yingda should."""
    if not readable:
        return ok("数据文件仅本用户可读", "only this user can read what is kept")
    more = len(readable) - 1
    return fail(
        Words(
            f"本机其他用户可读 {readable[0]}" + (f" 等 {more + 1} 处" if more else ""),
            f"others on this machine can read {readable[0]}" + (f" and {more} more" if more else ""),
        ),
        Words(
            "改为运行应答的用户所有，并收回权限：chown -R yingda var .env; chmod -R go= var .env",
            "give it to the user that runs Yingda, and close it: chown -R yingda var .env; chmod -R go= var .env",
        ),
    )


def nerve(trouble: str, setting: str) -> Finding:
    """`trouble`: why it does not serve us, a code of the client's; '' if it does."""
    if not trouble:
        return ok("实时通道可用", "the nerve answers")
    if setting == "embedded":
        return warn(
            Words("内置实时通道没有运行", "the embedded nerve is not running"),
            Words("yingda run 会启动它", "yingda run starts it"),
        )
    why, mend = _NERVE.get(trouble, (Words("没有应答", "it does not answer"), _ADDRESS_OF_NERVE))
    what = Words(
        f"实时通道不可用（{why.zh}）；消息不会丢，但工作台不再实时",
        f"the nerve is gone ({why.en}): nothing is lost, but the desk is not live",
    )
    return warn(what, mend)
