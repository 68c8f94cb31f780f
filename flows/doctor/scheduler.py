"""Whether the server of the schedule answers, and has what flows/prefect.yaml says; asked over its HTTP API.

Prefect itself is not imported: that takes seconds, and this has to work where it does not.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.sources.protocol import shown
from schemas.yaml_file import read_yaml
from warehouse.doctor.observed import Observed, State

if TYPE_CHECKING:
    import httpx

AREA = "schedule"
_DEPLOYMENTS = Path(__file__).parents[1] / "prefect.yaml"
_DEPLOY = "uv run prefect --no-prompt deploy --all --prefect-file flows/prefect.yaml"
_SECONDS = 10.0


def examine_schedule() -> list[Observed]:
    """Return what is to be said of the server that PREFECT_API_URL names; nothing is wrong where it names none."""
    url = os.environ.get("PREFECT_API_URL", "").strip().rstrip("/")
    if not url:
        sentence = "PREFECT_API_URL is not set: no schedule of Prefect's is looked at."
        return [Observed(AREA, State.OK, sentence, "set it where the worker runs, or start runs from cron")]
    import httpx

    try:
        with httpx.Client(headers=_credentials(), timeout=_SECONDS) as client:
            return list(_ask(client, url))
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        sentence = f"The server at {shown(url)} does not answer ({type(error).__name__})."
        return [Observed(AREA, State.FAILURE, sentence, "uv run prefect server start, or correct PREFECT_API_URL")]
    except (ValueError, KeyError, TypeError):
        sentence = f"What answers at {shown(url)} is no server of Prefect's."
        return [Observed(AREA, State.FAILURE, sentence, "correct PREFECT_API_URL; it ends in /api")]


def _credentials() -> dict[str, str]:
    import base64

    if basic := os.environ.get("PREFECT_API_AUTH_STRING"):
        return {"Authorization": f"Basic {base64.b64encode(basic.encode()).decode('ascii')}"}
    key = os.environ.get("PREFECT_API_KEY")
    return {"Authorization": f"Bearer {key}"} if key else {}


def _ask(client: "httpx.Client", url: str) -> Iterator[Observed]:
    if client.get(f"{url}/health").raise_for_status().json() is not True:
        raise ValueError("a server in health says so")
    yield Observed(AREA, State.OK, f"The server at {shown(url)} answers.")
    wanted = read_yaml(_DEPLOYMENTS)["deployments"]
    for pool in sorted({item["work_pool"]["name"] for item in wanted}):
        yield from _work_pool(client, url, pool)
    answer = client.post(f"{url}/deployments/filter", json={}).raise_for_status().json()
    found = {(item["entrypoint"], item["name"]): item for item in answer}
    for item in wanted:
        yield _deployment(item, found.get((item["entrypoint"], item["name"])))


def _work_pool(client: "httpx.Client", url: str, name: str) -> Iterator[Observed]:
    answer = client.get(f"{url}/work_pools/{name}")
    if answer.status_code == 404:
        action = f"uv run prefect worker start --pool {name} --type process"
        yield Observed(AREA, State.FAILURE, f"There is no work pool {name}: nothing that is due is run.", action)
        return
    pool = answer.raise_for_status().json()
    if pool["is_paused"]:
        action = f"uv run prefect work-pool resume {name}"
        yield Observed(AREA, State.FAILURE, f"The work pool {name} is paused: nothing that is due is run.", action)
    elif pool["status"] != "READY":
        action = f"uv run prefect worker start --pool {name} --type process"
        yield Observed(AREA, State.WARNING, f"No worker has asked the work pool {name} for work lately.", action)
    else:
        yield Observed(AREA, State.OK, f"A worker asks the work pool {name} for work.")


def _deployment(wanted: dict[str, Any], found: dict[str, Any] | None) -> Observed:
    name = f"{wanted['entrypoint'].rpartition(':')[2]}/{wanted['name']}"
    if found is None:
        return Observed(AREA, State.FAILURE, f"The server does not know the deployment {name}.", _DEPLOY)
    if wanted["schedules"] and not any(schedule["active"] for schedule in found["schedules"]):
        sentence = f"The deployment {name} has no active schedule: it never runs by itself."
        return Observed(AREA, State.FAILURE, sentence, _DEPLOY)
    if found["paused"]:
        sentence = f"The deployment {name} is paused: it never runs by itself."
        return Observed(AREA, State.FAILURE, sentence, "resume it in Prefect, or " + _DEPLOY)
    if "concurrency_limit" in wanted and not found["global_concurrency_limit"]:
        sentence = f"The deployment {name} has no limit of concurrency: a second run starts beside the first."
        return Observed(AREA, State.FAILURE, sentence, _DEPLOY)
    return Observed(AREA, State.OK, f"The deployment {name} is as it should be.")
