"""Sends a partner's bad rows back: which rows, what is wrong in each cell, the workbook."""
