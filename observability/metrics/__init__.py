"""Numbers for Prometheus: what there is (`catalogue.py`), how it is measured, and the page that tells it (`page.py`).

Nobody else knows prometheus_client. Start with `metric.py`.
"""
