"""One module for each format in which partners deliver; `flows.readers.read` chooses between them.

Every reader is a pure function from bytes and the contract's `file` section to rows of text.
"""
