"""The resource classes: what a Pulumi program in Python sees. They need `pulumi` and nothing else."""
