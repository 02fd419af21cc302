from __future__ import annotations

import pytest
import torch

from models.gpu import gpu_use, utilisation


@pytest.mark.parametrize("devices", [[], [torch.device("cpu")], [torch.device("meta"), torch.device("cpu")]])
def test_a_model_on_no_gpu_uses_none(devices: list[torch.device]) -> None:
    assert gpu_use(devices) is None


@pytest.mark.skipif(torch.cuda.is_available(), reason="a driver tells it here")
def test_where_no_driver_tells_it_nobody_knows_how_busy_a_gpu_is() -> None:
    assert utilisation({torch.device("cuda", 0)}) is None
