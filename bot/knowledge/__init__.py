"""The knowledge base: entries and phrases that editors write, and the editions in which they are published."""
