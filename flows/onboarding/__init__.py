"""Helps to write a contract: draft one, check one, and the reference of its vocabulary."""
