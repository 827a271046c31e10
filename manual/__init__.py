"""The docs site beyond its prose: the reference, made from what the code itself says."""
