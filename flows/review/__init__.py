"""What an officer reviews doubtful pairs on: a screen in the terminal, or a workbook."""
