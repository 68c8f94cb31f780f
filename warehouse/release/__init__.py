"""From a vault to a published release: built aside, verified, swapped in by one link; then queried."""
