"""A release as open data: CSV with a data package, IATI, the data dictionary; small cells suppressed."""
