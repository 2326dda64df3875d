"""Many recordings: from a folder or a list to tables, on one machine or a cluster, and never twice the same work.

`screener.batch.run.run_batch` is the way in, `screener.batch.reliability` what a test-retest study needs. Nothing
is imported here: a worker loads what it works with (`screener.batch.work`), not what draws the study's page.
"""
