"""What the project knows about its data: partner contracts, programme rules, columns and tables.

Nothing here reads a delivery or opens a database; the other two packages import this one.
"""
