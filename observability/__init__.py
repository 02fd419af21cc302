"""How people see what the system does: metrics, traces and logs.

The only package that may import prometheus_client and the OpenTelemetry SDK.
"""
