"""Many recordings: from a folder or a list to tables, on one machine or a cluster, and never twice the same work."""

from screener.batch.run import Finished, run_batch

__all__ = ["Finished", "run_batch"]
