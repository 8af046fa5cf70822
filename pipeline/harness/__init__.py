"""A running control plane: processes, certificates, etcd, kube-apiserver, plugin, fault proxy and their clients."""
