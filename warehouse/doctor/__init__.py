"""Says what is wrong with an installation and what to do about it; mends only what cannot be wrong to mend.

No release is made of this, so a change here gives no reason to publish.
"""
