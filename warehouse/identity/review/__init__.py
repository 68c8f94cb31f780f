"""What a person sees and says of the linkage: doubtful pairs, explanations, corrections, history."""
