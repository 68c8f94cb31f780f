"""From rows of text to canonical rows, each with every reason to reject it."""
