"""The report of a release for people who do not query: HTML pages that open offline, of the region and each country.

Everything on them is read from the published tables; nothing is counted here that a table could not be asked for.
"""
