"""Pure rules and data, standard library only: versions, build plans, encryption configuration, results."""
