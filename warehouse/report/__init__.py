"""The report of a release for people who do not query: HTML pages that open offline, of the region and each country.

Every figure is read from a published table, so a reader can query the same figure.
"""
