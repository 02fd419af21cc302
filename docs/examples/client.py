"""Submit, wait, stream, verify a webhook. Run it: TRUTHGPT_API_TOKEN=… python client.py "O Romeo, Romeo,"."""

import base64
import hmac
import json
import os
import sys
import time
import uuid
from contextlib import suppress

import requests


class Client:
    def __init__(self, url, token):
        self.url, self.session = url.rstrip("/"), requests.Session()
        self.session.headers["Authorization"] = f"Bearer {token}"

    def ask(self, method, path, **options):
        """Ask again while the API is full or away: all that is asked here may be repeated."""
        for pause in (0.5, 1, 2, 4, 8, 15, 30, 60):
            seconds = pause
            with suppress(requests.RequestException):
                response = self.session.request(method, self.url + path, timeout=(10, 90), **options)
                if response.status_code not in (429, 502, 503):
                    break
                seconds = max(pause, float(response.headers.get("Retry-After", 0)))
            time.sleep(seconds)
        else:
            raise TimeoutError(f"{self.url} has not answered for two minutes")
        if not response.ok:
            raise requests.HTTPError(response.text, response=response)
        return response

    def submit(self, job, key):
        """The id of the job: one and the same, however often it is submitted with this key."""
        return self.ask("POST", "/v1/jobs", json=job, headers={"Idempotency-Key": key}).json()["id"]

    def wait(self, job_id):
        """The job, once it is final; the server holds each answer until then, for a minute at the most."""
        while True:
            asked_at = time.monotonic()
            response = self.ask("GET", f"/v1/jobs/{job_id}", headers={"Prefer": "wait=60"})
            if response.json()["status"] not in ("queued", "running"):
                return response.json()
            if time.monotonic() - asked_at < 30:  # it did not wait, for it is about to be restarted
                time.sleep(float(response.headers.get("Retry-After", 1)))

    def stream(self, job_id):
        """Each piece of the text once, as it comes, over all that cuts the connection in between."""
        last, path = -1, f"/v1/jobs/{job_id}/events"
        while True:
            response = self.ask("GET", path, headers={"Last-Event-ID": str(last)}, stream=True)
            with response, suppress(requests.RequestException):  # cut: go on behind the last event that came whole
                for event in events(response.iter_lines()):
                    last = int(event.get("id", last))
                    if event.get("event") == "token":
                        yield json.loads(event["data"])["text"]
                    if event.get("event") == "final":
                        return
            if response.status_code == 204:  # nothing is behind it
                return
            time.sleep(1)


def events(lines):
    """Server-sent events: a blank line ends one, and what a cut has left of one is dropped."""
    event = {}
    for line in lines:
        if line:
            name, _, value = line.decode().partition(":")
            event[name] = value.strip()
        else:
            yield event
            event = {}


def verify(secret, headers, body, now=None):
    """The event in *body*, the bytes as they came, if *secret* has signed it within five minutes; raises ValueError."""
    given = {name.lower(): value for name, value in headers.items()}
    event_id, signed_at, signatures = (given.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature"))
    if abs((now or time.time()) - int(signed_at)) > 300:
        raise ValueError("signed too long ago, or the clocks differ")
    key, signed = base64.b64decode(secret.removeprefix("whsec_")), f"{event_id}.{signed_at}.".encode() + body
    expected = b"v1," + base64.b64encode(hmac.digest(key, signed, "sha256"))
    if not any(hmac.compare_digest(expected, one.encode()) for one in signatures.split()):  # two, if it was replaced
        raise ValueError("no signature is of this body and this secret")
    return json.loads(body)


if __name__ == "__main__":
    client = Client(os.environ.get("FRONTIER_URL", "http://127.0.0.1:8080"), os.environ["TRUTHGPT_API_TOKEN"])
    job_id = client.submit({"input": {"prompt": sys.argv[1]}, "params": {"max_tokens": 64}}, key=str(uuid.uuid4()))
    print(f"submitted {job_id}, and this is its text as it comes:")
    for piece in client.stream(job_id):
        print(piece, end="", flush=True)
    job = client.wait(job_id)
    print(f"\n{job['status']} after {job['timing']['time_to_result_s']} s, {job['usage']['completion_tokens']} tokens")
