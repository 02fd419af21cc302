"""Metrics of all processes together, which the API reads from the record at each scrape."""

from __future__ import annotations

from observability.metrics.metric import Kind, Label, Metric, Page

CIRCUITS = ("model", "receiver")

REDIS_UP = Metric(
    name="frontier_redis_up",
    kind=Kind.GAUGE,
    help="1 if Redis has answered within this scrape; else 0, and what is told of the fleet is absent.",
    pages=(Page.API,),
)
CIRCUIT_TRIPS = Metric(
    name="circuit_breaker_open_total",
    kind=Kind.COUNTER,
    help="Trips of circuits of models, and of receivers of webhooks, in whichever process; one that a process sees "
    "alone while Redis is away is not counted.",
    pages=(Page.API,),
    labels=(Label("circuit", CIRCUITS),),
    of_fleet=True,
)

FLEET_METRICS = (REDIS_UP, CIRCUIT_TRIPS)
