"""What a process says of itself in a file, for those who ask whether it is well; they need nothing else to run."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, Self

Phase = Literal["ready", "without Redis", "ending"]


@dataclass(frozen=True, kw_only=True)
class ProbeStamp:
    """Instants are Unix seconds. `unproven_since` is when the first message was sent that has proven nothing yet."""

    at: float
    phase: Phase
    limit_seconds: float
    proven_at: float | None = None
    unproven_since: float | None = None

    def complaint(self, now: float) -> str | None:
        """Why the process is not well; None if it is."""
        silent = now - self.at
        if silent > self.limit_seconds:
            return f"the process has said nothing for {silent:.0f} s"
        unproven = 0.0 if self.unproven_since is None else now - self.unproven_since
        if unproven > self.limit_seconds:
            return f"for {unproven:.0f} s no message has come through to the work"
        return None

    def write(self, file: Path) -> None:
        """Replace what the file says, in one step. Raises OSError."""
        new = file.with_name(f".{file.name}.{os.getpid()}")
        new.write_text(json.dumps(asdict(self)), encoding="utf-8")
        new.replace(file)

    @classmethod
    def read(cls, file: Path) -> Self | None:
        """What it says; None if there is none. Raises OSError, or ValueError for another file."""
        try:
            text = file.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        try:
            return cls(**json.loads(text))
        except TypeError as error:
            raise ValueError(f"{file} is no probe's") from error
