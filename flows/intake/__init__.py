"""From landed files to deliveries, and from deliveries to rows."""
