"""The frame that the pages of all simulators share: languages, words, style, and what scripts need."""
