"""A Rasa service without Rasa: the same HTTP answers, a simple reading of the same project, and faults to switch on."""

from bot.simulators.rasa.reader import Reader
from bot.simulators.rasa.service import Faults, RasaService, simulator

__all__ = ["Faults", "RasaService", "Reader", "simulator"]
