"""How people see what the system does: logs now.

The only package that may import prometheus_client and the OpenTelemetry SDK.
"""
