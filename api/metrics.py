"""Figures for who watches the service, in the form that Prometheus reads. No label tells who a person is."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily
from sqlalchemy import func, select

from api.records.database import Database
from api.records.models import Job, Screening

__all__ = ["JOBS_ENDED", "JOB_SECONDS", "REQUEST_SECONDS", "UPLOADED_BYTES", "page"]

_registry = CollectorRegistry()
ProcessCollector(registry=_registry)

REQUEST_SECONDS = Histogram(
    "screener_request_seconds",
    "Time from a request to the end of its answer.",
    ("method", "route", "status"),
    buckets=(0.005, 0.02, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 10, 60),
    registry=_registry,
)
UPLOADED_BYTES = Counter("screener_uploaded_bytes", "Bytes of uploads that were taken in.", registry=_registry)
JOBS_ENDED = Counter("screener_jobs_ended", "Jobs of this process by how they ended.", ("how",), registry=_registry)
JOB_SECONDS = Histogram(
    "screener_job_seconds",
    "Time that a job took from its begin to its end.",
    buckets=(1, 3, 10, 30, 60, 120, 300, 900, 3600),
    registry=_registry,
)


def page(database: Database) -> bytes:
    """All figures of this process, and how many jobs and screenings the records hold by their state."""
    text = generate_latest(_registry)
    with database.sessions() as session:
        for name, about, column in (
            ("screener_jobs", "Jobs in the records by their state.", Job.state),
            ("screener_screenings", "Screenings in the records by their state.", Screening.state),
        ):
            family = GaugeMetricFamily(name, about, labels=["state"])
            for state, count in session.execute(select(column, func.count()).group_by(column)):
                family.add_metric([state], count)
            text += generate_latest(_Fixed(family))
    return text


class _Fixed(CollectorRegistry):
    """A registry that holds one family which was counted elsewhere."""

    def __init__(self, family: GaugeMetricFamily) -> None:
        super().__init__()
        self._family = family

    def collect(self):  # type: ignore[no-untyped-def]
        yield self._family
