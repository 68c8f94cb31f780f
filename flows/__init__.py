"""The way of a record from a partner's source to the warehouse, and the commands that start it."""
