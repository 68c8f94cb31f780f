"""The private vault, identity resolution, and the published releases.

Imports `schemas` only; `flows` decides when any of this happens.
"""
