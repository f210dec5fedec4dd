"""`yingda doctor`: checks of a deployment, each with what to do about what is wrong."""

from bot.doctor.runner import DoctorDeps, examine
from bot.ports.findings import Finding, Grade, as_lines, worst_grade

__all__ = ["DoctorDeps", "Finding", "Grade", "as_lines", "examine", "worst_grade"]
