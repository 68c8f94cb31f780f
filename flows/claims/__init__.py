"""Published numbers, checked: against themselves, the programme's arithmetic, and a release."""
