"""Files, locks and transactions: the one place where the disk is read and written."""
