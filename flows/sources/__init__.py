"""Where deliveries come from: folders and object stores, SFTP, web links, forms and mail.

Each kind of source is a module; all of them offer files through the same small protocol.
"""
