"""A page of metrics, read as Prometheus reads it."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from observability.metrics.catalogue import metrics_of
from observability.metrics.metric import Metric, Page


class Scrape:
    """The families of a page, by the names that the catalogue has for them."""

    def __init__(self, text: str) -> None:
        self.text = text
        families = list(text_string_to_metric_families(text))
        named = {family.name + ("_total" if family.type == "counter" else ""): family for family in families}
        assert len(named) == len(families), "a family is told twice"
        self.families = named

    def samples(self, name: str) -> Iterator[Sample]:
        """Of all families, by the name of the sample."""
        for family in self.families.values():
            yield from (sample for sample in family.samples if sample.name == name)

    def sum(self, name: str, **labels: str) -> float:
        """Of all samples with these labels."""
        return sum(sample.value for sample in self.samples(name) if labels.items() <= sample.labels.items())

    def value(self, name: str, **labels: str) -> float:
        """Of the one sample with these labels and no others."""
        [value] = [sample.value for sample in self.samples(name) if sample.labels == labels]
        return value


def check_against_the_catalogue(scrape: Scrape, page: Page, *, but: Collection[Metric] = ()) -> None:
    """All that a page tells is what the catalogue says of it, and nothing of that is missing *but* what may be."""
    metrics = {metric.name: metric for metric in metrics_of(page)}
    assert scrape.families.keys() <= metrics.keys()
    missing = {metric for name, metric in metrics.items() if name not in scrape.families and not metric.may_be_absent}
    assert missing <= set(but)
    for name, family in scrape.families.items():
        metric = metrics[name]
        assert (family.type, family.documentation) == (metric.kind, metric.help), name
        for sample in family.samples:
            labels = dict(sample.labels)
            labels.pop("le", None)
            assert labels.keys() == set(metric.label_names), name
            for label in metric.labels:
                assert not label.values or labels[label.name] in label.values, (name, labels)
