"""`yingda doctor`: what is well, what is not, and how to mend it, in plain words."""

from bot.doctor.examination import Probes, examine
from bot.doctor.findings import Finding, Grade, Words, told, worst

__all__ = ["Finding", "Grade", "Probes", "Words", "examine", "told", "worst"]
