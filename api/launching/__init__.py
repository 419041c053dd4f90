"""Who starts the drivers of experiments, in which order, and how much of the cluster each may take."""
