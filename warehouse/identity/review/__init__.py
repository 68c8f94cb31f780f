"""What officers see and decide: doubtful pairs, explanations, corrections and the history of a person."""
