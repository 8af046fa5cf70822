"""What an etcd holds, object by object: read-only, from an endpoint, a data folder or a snapshot."""
