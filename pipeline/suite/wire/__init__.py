"""Family A: the wire protocol. A plugin and its socket are all that these scenarios need.

A scenario that takes no more than `kms_client` and `proof` can be run against any plugin that is running.
"""
