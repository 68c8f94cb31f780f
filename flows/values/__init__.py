"""From one text to one value: dates, amounts, contacts, names."""
