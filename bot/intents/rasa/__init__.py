"""The engine `rasa`: texts are ranked by a Rasa service of its own; how sure to be, and when not to ask it, is ours.

What only training needs (`schooling`) is not loaded with it.
"""

from bot.intents.rasa.breaker import Breaker
from bot.intents.rasa.engine import NAME, Patience, RasaEngine

__all__ = ["NAME", "Breaker", "Patience", "RasaEngine"]
