"""Text in, ranked intents with a calibrated confidence out."""
