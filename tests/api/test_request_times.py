"""Of a request its own time counts, and not what its client has asked to wait."""

from __future__ import annotations

import pytest
from flask import Flask

from api.request_metrics import add_request_metrics
from api.request_times import add_request_times, note_wait
from observability.metrics.api_metrics import ApiMetrics
from observability.metrics.instruments import Instruments
from observability.metrics.page import MetricsPage
from tests.observability.metrics.scraped import Scrape


class Site:
    """An application whose views take as long as they say."""

    def __init__(self) -> None:
        self.now = 0.0
        instruments = Instruments()
        metrics = ApiMetrics(instruments, clock=self.clock)
        self.page = MetricsPage(instruments=instruments, others=[metrics])
        app = Flask(__name__)
        add_request_times(app, self.clock)
        add_request_metrics(app, metrics, self.clock)
        app.add_url_rule("/<float:own>/<float:waited>", view_func=self.view, methods=["GET", "BREW"], endpoint="jobs.v")
        self.client = app.test_client()

    def clock(self) -> float:
        return self.now

    def view(self, own: float, waited: float) -> str:
        self.now += own + waited
        if waited:
            note_wait(waited)
        return "so it goes"

    def scrape(self) -> Scrape:
        return Scrape(self.page.tell().text.decode())


@pytest.fixture
def site() -> Site:
    return Site()


def test_a_wait_that_was_asked_for_has_an_instrument_of_its_own(site: Site) -> None:
    site.client.get("/0.25/59.0")
    site.client.get("/0.125/0.0")

    scrape = site.scrape()
    assert scrape.sum("inference_request_duration_ms_sum", route="jobs") == pytest.approx(375)
    assert scrape.sum("inference_request_duration_ms_count", route="jobs") == 2
    assert scrape.sum("inference_request_duration_ms_bucket", route="jobs", method="GET", le="200.0") == 1
    assert scrape.value("frontier_request_wait_seconds_sum", route="jobs") == 59
    assert scrape.value("frontier_request_wait_seconds_count", route="jobs") == 1
    assert scrape.value("inference_request_duration_ms_p99") == pytest.approx(250, rel=0.05)


def test_what_clients_make_up_is_told_as_other_or_unknown(site: Site) -> None:
    site.client.open("/0.5/0.0", method="BREW")
    site.client.get("/no/such/address")

    scrape = site.scrape()
    assert scrape.sum("inference_requests_total", route="jobs", method="other", status="2xx") == 1
    assert scrape.sum("inference_requests_total", route="unknown", method="GET", status="4xx") == 1
    assert scrape.value("inference_errors_4xx_total", route="unknown") == 1
    assert "BREW" not in scrape.text
