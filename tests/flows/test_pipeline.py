"""Both Prefect flows against a real temporary server, started once."""

import os
import subprocess
import sys
from zoneinfo import ZoneInfo

import pytest
import yaml

from flows.doctor.scheduler import examine_schedule
from tests.conftest import PROJECT, copy_surveys, hashes, make_settings, run
from warehouse.doctor.observed import SomethingWrongError, State

DEPLOYMENTS = yaml.safe_load((PROJECT / "flows" / "prefect.yaml").read_text())["deployments"]

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


def test_a_run_and_a_flow_publish_the_same_and_fail_for_the_same(prefect_server, small, tmp_path, monkeypatch):
    settings = small()
    copy_surveys(settings.raw, "BN", "SG")
    broken = settings.raw / "BN" / "LDC" / "sample" / "2022-02-01"
    broken.mkdir()
    (broken / "brunei_gda_to_Jan22.csv").write_bytes(b"")
    plain = run(settings)
    monkeypatch.setenv("GODIGITAL_RAW", str(settings.raw))
    monkeypatch.setenv("GODIGITAL_DATA", str(make_settings(settings.raw, tmp_path / "flow").data))
    from flows.pipeline import run_pipeline

    flow = run_pipeline()
    assert hashes(tmp_path / "flow") == hashes(settings.data)
    assert (flow.published, flow.exit_code, flow.read) == (plain.published, plain.exit_code, plain.read)
    assert (flow.failures, flow.warnings, flow.counts) == (plain.failures, plain.warnings, plain.counts)
    assert list(flow.seconds) == list(plain.seconds)


def test_no_setting_is_read_at_import():
    done = subprocess.run(
        [sys.executable, "-c", "import flows.pipeline"],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "GODIGITAL_THREADS": "none", "GODIGITAL_RAW": "/nowhere"},
    )
    assert done.returncode == 0, done.stderr


def test_a_source_that_is_gone_fails_its_partner_and_is_not_tried_again(prefect_server, small, tmp_path, monkeypatch):
    settings = small()
    monkeypatch.setenv("GODIGITAL_RAW", str(settings.raw))
    monkeypatch.setenv("GODIGITAL_DATA", str(settings.data))
    from flows.pipeline import run_pipeline

    (settings.raw / "BN" / "LDC" / "sample").rename(tmp_path / "away")
    result = run_pipeline()
    assert [failure.code for failure in result.failures] == ["source_unreadable"]
    assert (result.exit_code, result.published) == (2, 1)


def test_the_weekly_verification_fails_when_something_is_wrong_and_shows_counts(
    prefect_server, small, tmp_path, monkeypatch
):
    from prefect.client.orchestration import get_client

    settings = small("BN/LDC")
    (settings.data / "private" / "identity.key").chmod(0o600)
    monkeypatch.setenv("GODIGITAL_RAW", str(settings.raw))
    monkeypatch.setenv("GODIGITAL_DATA", str(settings.data))
    run(settings)
    from flows.pipeline import verify_everything

    counts = verify_everything(offline=False)
    assert {line["area"] for line in counts} >= {"vault", "releases", "landed files", "sources"}
    assert {line["failure"] for line in counts} == {0}

    landed = next((settings.raw / "BN" / "LDC" / "deliveries").glob("*/*"))
    landed.chmod(0o600)
    landed.write_bytes(b"x")
    with pytest.raises(SomethingWrongError, match=r"permissions \(1\), landed files \(1\); godigital doctor"):
        verify_everything()
    with get_client(sync_client=True) as client:
        tables = [artifact for artifact in client.read_artifacts() if artifact.key == "verification"]
    assert len(tables) == 2
    assert landed.name[:12] not in str(tables)


def test_the_doctor_says_what_the_server_of_the_schedule_lacks(prefect_server, monkeypatch):
    """Against the server itself, so that what it is asked is what it answers."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import DeploymentScheduleCreate, WorkPoolCreate
    from prefect.client.schemas.schedules import CronSchedule

    from flows import pipeline

    with get_client(sync_client=True) as client:
        monkeypatch.setenv("PREFECT_API_URL", str(client.api_url))
        said = [item.sentence for item in examine_schedule() if item.state == State.FAILURE]
        assert said[0] == "There is no work pool godigital: nothing that is due is run."
        assert "The server does not know the deployment run_pipeline/nightly." in said

        client.create_work_pool(WorkPoolCreate(name="godigital", type="process"))
        every_night = [DeploymentScheduleCreate(schedule=CronSchedule(cron="0 1 * * *"), active=True)]
        for item in DEPLOYMENTS:
            flow = getattr(pipeline, item["entrypoint"].partition(":")[2])
            client.create_deployment(
                flow_id=client.create_flow(flow),
                name=item["name"],
                entrypoint=item["entrypoint"],
                work_pool_name="godigital",
                # two of them are not as they should be
                concurrency_limit=None if item["name"] == "reprocess" else 1,
                schedules=every_night if item["schedules"] and item["name"] != "weekly" else [],
            )
        observed = examine_schedule()
    wrong = [item.sentence for item in observed if item.state == State.FAILURE]
    assert wrong == [
        "The deployment reprocess_country/reprocess has no limit of concurrency: a second run starts beside the first.",
        "The deployment verify_everything/weekly has no active schedule: it never runs by itself.",
    ]
    well = [item.sentence for item in observed if item.state == State.OK]
    assert "The deployment run_pipeline/nightly is as it should be." in well
    assert "No worker has asked" in next(item.sentence for item in observed if item.state == State.WARNING)


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
    prefect(settings, "work-pool", "create", "godigital", "--type", "process", "--overwrite")
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

    assert [item["name"] for item in DEPLOYMENTS] == ["nightly", "reprocess", "weekly"]
    for item in DEPLOYMENTS:
        path, name = item["entrypoint"].split(":")
        module = importlib.import_module(path.removesuffix(".py").replace("/", "."))
        assert set(item["parameters"]) <= set(getattr(module, name).parameters.properties)
