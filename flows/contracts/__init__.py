"""Finds the contracts of data providers: a partner's `partner.yml`, a survey's `<CC>.yml`."""
