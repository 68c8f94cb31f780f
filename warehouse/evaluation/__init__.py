"""Linkage against truth: measures, baselines, the evaluation page, and training of the weights."""
