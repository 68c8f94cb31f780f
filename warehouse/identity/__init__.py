"""Who is the same person: features, the linkage model, clusters, human judgements, and the register of trainees.

The only part of the project that reads names, phones and ids beyond the loading of rows.
"""
