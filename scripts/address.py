"""Where a command finds the API and the token it shows there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from scripts.api_errors import ApiProblem
from scripts.paths import DATA_DIR_VARIABLE, data_dir, read_address, read_token, token_file
from scripts.screen import fail

URL_VARIABLE = "FRONTIER_URL"
TOKEN_VARIABLE = "TRUTHGPT_API_TOKEN"  # noqa: S105 - the name of the variable, not a token


@dataclass(frozen=True, slots=True)
class Address:
    """The API's URL with the token, and for complaints the place the token came from."""

    url: str
    token: str | None
    token_origin: str

    def explain(self, problem: ApiProblem) -> str:
        """The problem in one line; a refused token is told with where it was looked for."""
        if problem.status != 401:  # noqa: PLR2004 - Unauthorized
            return str(problem)
        return f"{self.url} does not accept the token: {self.token_origin}"


def find_address(url: str | None, folder: Path | None, env: Mapping[str, str]) -> Address:
    """*url* if given, else what `frontier up` has written in the data folder.

    A *folder* goes before a *url* that only the environment gives. Where it runs with none, a folder that was
    named ends the command, for its token is for no other system; the user's own folder stands for this
    machine's PORT.
    """
    home = data_dir(folder)
    if folder is not None and url == env.get(URL_VARIABLE):
        url = None
    found = url or read_address(home)
    if found is None:
        if folder or env.get(DATA_DIR_VARIABLE):
            raise fail(f"no `frontier up` runs with {home}; start it or give --url")
        found = f"http://127.0.0.1:{env.get('PORT') or 8080}"
    if "://" not in found:
        found = f"http://{found}"
    if token := env.get(TOKEN_VARIABLE):
        return Address(found, token, f"it came from {TOKEN_VARIABLE}")
    try:
        token = read_token(home)
    except PermissionError:
        return Address(found, None, f"{token_file(home)} may not be read; set {TOKEN_VARIABLE}")
    if token:
        return Address(found, token, f"it came from {token_file(home)}; set {TOKEN_VARIABLE} to use another")
    return Address(found, None, f"there is none in {TOKEN_VARIABLE}, and none in {token_file(home)}")
