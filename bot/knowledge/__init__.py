"""What the bot may say: entries and phrases that editors write, and the editions they are published in."""
