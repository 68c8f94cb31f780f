"""The private database: people's records, rejected rows, deliveries, runs, decisions."""
