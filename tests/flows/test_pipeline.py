"""Both Prefect flows against a real temporary server, started once."""

import pytest

from tests.conftest import hashes, make_settings, run

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


def test_the_deployments_point_at_flows_that_exist():
    import importlib
    from pathlib import Path

    import yaml

    project = Path(__file__).parents[2]
    deployments = yaml.safe_load((project / "flows" / "prefect.yaml").read_text())["deployments"]
    assert [item["name"] for item in deployments] == ["nightly", "reprocess"]
    for item in deployments:
        path, name = item["entrypoint"].split(":")
        module = importlib.import_module(path.removesuffix(".py").replace("/", "."))
        assert set(item["parameters"]) <= set(getattr(module, name).parameters.properties)
