"""Networks: modules and their builders, nothing else."""
