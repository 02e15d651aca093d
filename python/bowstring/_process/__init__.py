"""What a process of ours does beside its tasks. Knows nothing of PySpark's tasks."""
