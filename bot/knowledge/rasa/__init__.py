"""The knowledge base as a Rasa project, and Rasa projects as a knowledge base. Texts only: nothing of them is run."""

from bot.knowledge.rasa.importing import Imported, imported
from bot.knowledge.rasa.project import lessons, project
from bot.knowledge.rasa.reading import read_project

__all__ = ["Imported", "imported", "lessons", "project", "read_project"]
