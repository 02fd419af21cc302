"""A file of prompts, one per line, through the queue: `TRUTHGPT_API_TOKEN=… python -m scripts.bulk_submit FILE`.

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
    """What is answered, however often it takes while the API is full or away; every call here may be repeated."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    while True:
        try:
            answer = requests.request(method, URL + path, json=job, headers=KEY | named, timeout=(10, 90))
            if answer.status_code not in {429, 502, 503}:
                return answer.json() if answer.ok else {"status": "refused", "error": answer.json()}
            time.sleep(float(answer.headers.get("Retry-After", 2)))
        except (requests.ConnectionError, requests.Timeout):
            time.sleep(2)


def main(file: str) -> None:
    prompts = Path(file).read_text(encoding="utf-8").splitlines()
    run = hashlib.sha256("\n".join(prompts).encode()).hexdigest()[:16]
    submissions = [{"input": {"prompt": prompt}, "priority": "batch"} for prompt in prompts]
    jobs = [ask("POST", "/v1/jobs", job, Idempotency_Key=f"{run}-{n}") for n, job in enumerate(submissions)]
    for number, accepted in enumerate(jobs, 1):
        job = accepted
        while job["status"] in {"queued", "running"}:
            job = ask("GET", f"/v1/jobs/{job['id']}", Prefer="wait=60")
        if "result_url" in job:  # longer than what comes with a job
            job["result"] = ask("GET", job["result_url"])
        print(json.dumps({"line": number, **{name: job.get(name) for name in ("id", "status", "result", "error")}}))


if __name__ == "__main__":
    main(sys.argv[1])
