"""The seams: what the heart of Yingda needs from channels, engines, skills, members and the record."""

from bot.ports.channels import Channel, Clock, Polls, ShowsTyping, TakesFew
from bot.ports.editions import Editions, Parts, Traffic, VectorStore
from bot.ports.nerve import Buckets, Leases, LiveEvents, Tokens
from bot.ports.record import Allowance, Codes, Cursors, Housekeeping, Intake, Mailbox, Outbox, Turns
from bot.ports.staff import AuditTrail, CaseBoard, CaseTalk, CaseWork, HealthRoom, StaffRoom, Strays
from bot.ports.understanding import CodeSender, Encoder, Engine, MemberDirectory, Parser, Ranking, Skill

__all__ = [
    "Allowance",
    "AuditTrail",
    "Buckets",
    "CaseBoard",
    "CaseTalk",
    "CaseWork",
    "Channel",
    "Clock",
    "CodeSender",
    "Codes",
    "Cursors",
    "Editions",
    "Encoder",
    "Engine",
    "HealthRoom",
    "Housekeeping",
    "Intake",
    "Leases",
    "LiveEvents",
    "Mailbox",
    "MemberDirectory",
    "Outbox",
    "Parser",
    "Parts",
    "Polls",
    "Ranking",
    "ShowsTyping",
    "Skill",
    "StaffRoom",
    "Strays",
    "TakesFew",
    "Tokens",
    "Traffic",
    "Turns",
    "VectorStore",
]
