"""What can be refused about a file alone."""

from __future__ import annotations

from api.errors import ApiError


class FileTooLarge(ApiError):
    """Raised when a file, or the form around it, has more bytes than are accepted."""

    @classmethod
    def above(cls, limit: int) -> ApiError:
        return cls.of("file", f"is larger than the {limit} bytes that are accepted")


class RangeUnsatisfiable(ApiError):
    """Raised when the bytes that are asked for lie beyond the end."""

    def __init__(self, length: int) -> None:
        super().__init__(
            f"The file has {length} bytes, and none of those asked for.", headers={"Content-Range": f"bytes */{length}"}
        )
