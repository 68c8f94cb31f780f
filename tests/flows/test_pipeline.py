"""Both Prefect flows against a real temporary server, started once."""

import os
import subprocess
import sys
from zoneinfo import ZoneInfo

import pytest

from tests.conftest import PROJECT, hashes, make_settings, run

# one worker, so that the server is started once
pytestmark = pytest.mark.xdist_group("prefect")


@pytest.fixture(scope="session")
def prefect_server():
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=120):
        yield


def test_both_flows_do_what_the_command_does(prefect_server, demo, tmp_path, monkeypatch):
    from prefect.client.orchestration import get_client

    settings, _ = demo
    monkeypatch.setenv("GODIGITAL_RAW", str(settings.raw))
    made = make_settings(settings.raw, tmp_path / "data")
    monkeypatch.setenv("GODIGITAL_DATA", str(made.data))
    from flows.pipeline import reprocess_country, run_pipeline

    result = run_pipeline()
    assert (result.exit_code, result.published) == (0, 1)
    assert hashes(made.data) == hashes(settings.data)
    assert (made.data / "report" / "latest" / "index.html").resolve().parent.name == "release-1"
    assert run_pipeline(countries=["BN"]).published is None
    assert reprocess_country("BN").published == 2
    assert (made.data / "report" / "latest").readlink().name == "release-2"
    assert hashes(made.data) == hashes(settings.data)
    assert run(made).published is None

    with get_client(sync_client=True) as client:
        artifacts = client.read_artifacts()
    tables = [artifact for artifact in artifacts if artifact.key == "run-counts"]
    assert len(tables) == 3
    assert "trainees" in str(tables[0].data)


def test_a_source_that_is_gone_fails_its_partner_and_is_not_tried_again(prefect_server, small, tmp_path, monkeypatch):
    settings = small()
    monkeypatch.setenv("GODIGITAL_RAW", str(settings.raw))
    monkeypatch.setenv("GODIGITAL_DATA", str(settings.data))
    from flows.pipeline import run_pipeline

    (settings.raw / "BN" / "LDC" / "sample").rename(tmp_path / "away")
    result = run_pipeline()
    assert [failure.code for failure in result.failures] == ["source_unreadable"]
    assert (result.exit_code, result.published) == (2, 1)


def prefect(settings, *words):
    """A command of Prefect against the temporary server, from the project's folder."""
    from prefect.settings import PREFECT_API_URL

    folders = {"GODIGITAL_RAW": str(settings.raw), "GODIGITAL_DATA": str(settings.data)}
    return subprocess.run(
        [sys.executable, "-m", "prefect", "--no-prompt", *words],
        check=True,
        capture_output=True,
        text=True,
        cwd=PROJECT,
        env={**os.environ, **folders, "PREFECT_API_URL": PREFECT_API_URL.value()},
    )


def test_deployed_the_night_is_scheduled_and_a_country_is_picked_from_those_that_have_a_contract(prefect_server, small):
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId
    from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError

    settings = small()
    prefect(settings, "work-pool", "create", "godigital", "--type", "process")
    prefect(settings, "deploy", "--all", "--prefect-file", "flows/prefect.yaml")
    with get_client(sync_client=True) as client:
        nightly = client.read_deployment_by_name("run-pipeline/nightly")
        reprocess = client.read_deployment_by_name("reprocess-country/reprocess")
        assert nightly.concurrency_options.collision_strategy == "CANCEL_NEW"
        assert reprocess.concurrency_options.collision_strategy == "ENQUEUE"
        assert {item.global_concurrency_limit.limit for item in (nightly, reprocess)} == {1}
        # what the scheduler does once a minute
        client.request("POST", "/deployments/{id}/schedule", path_params={"id": nightly.id})
        runs = client.read_flow_runs(deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[nightly.id])))
        starts = [run.expected_start_time.astimezone(ZoneInfo("Asia/Jakarta")) for run in runs]
        assert len(starts) >= 3
        assert {start.strftime("%H:%M") for start in starts} == {"01:00"}
        picked = reprocess.parameter_openapi_schema["definitions"]["CountryCode"]["enum"]
        assert picked == ["BN", "SG"]
        assert reprocess.parameter_openapi_schema["required"] == ["country"]
        with pytest.raises((ObjectNotFound, PrefectHTTPStatusError), match="VN"):
            client.create_flow_run_from_deployment(reprocess.id, parameters={"country": "VN"})


def test_the_deployments_point_at_flows_that_exist():
    import importlib

    import yaml

    deployments = yaml.safe_load((PROJECT / "flows" / "prefect.yaml").read_text())["deployments"]
    assert [item["name"] for item in deployments] == ["nightly", "reprocess"]
    for item in deployments:
        path, name = item["entrypoint"].split(":")
        module = importlib.import_module(path.removesuffix(".py").replace("/", "."))
        assert set(item["parameters"]) <= set(getattr(module, name).parameters.properties)
