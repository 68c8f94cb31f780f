"""Backups of everything that cannot be made again, taken while runs go on, and their way back.

No release is made of this, so a change here gives no reason to publish.
"""
