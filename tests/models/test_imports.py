from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def loaded_by(statement: str) -> set[str]:
    code = f"{statement}\nimport sys, json; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True, text=True)
    return {name.partition(".")[0] for name in json.loads(done.stdout)}


def test_the_catalog_the_contract_and_the_scripted_engine_come_without_torch() -> None:
    loaded = loaded_by("import models.catalog, models.engine, models.scripted, models.loader")

    assert not loaded & {"torch", "transformers", "safetensors", "accelerate", "numpy"}


def test_the_engines_come_without_celery_redis_and_flask() -> None:
    loaded = loaded_by("import models.pretrained, models.loader, models.catalog")

    assert "torch" in loaded
    assert not loaded & {"celery", "kombu", "redis", "flask", "api", "tasks"}
