"""Prompts, one per line of a file, through the queue: `TRUTHGPT_API_TOKEN=… python -m scripts.bulk_submit FILE`.

To be copied: it needs `requests` and nothing of ours. Done again with the same file it finds the jobs it has made.
"""

import hashlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import requests

URL = os.environ.get("FRONTIER_URL", "http://127.0.0.1:8080")
KEY = {"Authorization": f"Bearer {os.environ['TRUTHGPT_API_TOKEN']}"}


def ask(method: str, path: str, job: Any = None, **headers: str) -> Any:
    """The answer, however often it takes while the API is full or away; every call here may be repeated."""
    while True:
        try:
            answer = requests.request(method, URL + path, json=job, headers=KEY | headers, timeout=(10, 90))
            if answer.ok or (answer.status_code not in {502, 503, 504} and "Retry-After" not in answer.headers):
                return answer.json() if answer.ok else {"status": "refused", "error": answer.json()}
            time.sleep(float(answer.headers.get("Retry-After", 2)))
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError):
            time.sleep(2)


asked = [{"input": {"prompt": line}, "priority": "batch"} for line in Path(sys.argv[1]).read_text("utf-8").splitlines()]
keys = [hashlib.sha256(f"{n} {json.dumps(job)}".encode()).hexdigest() for n, job in enumerate(asked, 1)]
jobs = [ask("POST", "/v1/jobs", job, **{"Idempotency-Key": key}) for job, key in zip(asked, keys, strict=True)]
for number, job in enumerate(jobs, 1):
    while job["status"] in {"queued", "running"}:
        job = ask("GET", f"/v1/jobs/{job['id']}", Prefer="wait=60")  # noqa: PLW2901
    result = ask("GET", job["result_url"]) if "result_url" in job else job.get("result")  # a long one comes by itself
    print(json.dumps({"line": number, **{name: job.get(name) for name in ("id", "status", "error")}, "result": result}))
