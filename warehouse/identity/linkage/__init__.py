"""Which records belong to one person: features, blocking, comparisons, match weights, clusters."""
