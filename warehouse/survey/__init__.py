"""The follow-up survey: its rows in the vault, who of the trainees answered, and the shares that answers give.

Reads the identity register and the linkage, and writes neither.
"""
