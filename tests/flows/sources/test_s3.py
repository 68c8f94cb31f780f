"""An object store that speaks S3: known by ETag, held against it where it is an MD5, and never a half-read object."""

import hashlib
from collections.abc import Iterator

import boto3
import pytest
from moto.server import ThreadedMotoServer

from flows.sources.filesystem import FileSystemSource
from flows.sources.pull import PullError
from tests.flows.sources.conftest import PEOPLE, free_port, log_of


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def store(endpoint, monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    client = boto3.client("s3", endpoint_url=endpoint, aws_access_key_id="a", aws_secret_access_key="b")  # noqa: S106
    client.create_bucket(Bucket="logs")
    yield client
    for found in client.list_objects_v2(Bucket="logs").get("Contents", []):
        client.delete_object(Bucket="logs", Key=found["Key"])
    client.delete_bucket(Bucket="logs")


@pytest.fixture
def s3(bench, endpoint):
    def make(source: str = "s3://logs/one", **access: object):
        return bench(source, access={"user": "ONE_USER", "password": "ONE_PASSWORD", "endpoint": endpoint, **access})

    return make


def test_a_prefix_is_pulled_and_only_what_changed_is_fetched(s3, store, monkeypatch):
    store.put_object(Bucket="logs", Key="one/2020-09-05/log.csv", Body=log_of(*PEOPLE[:2]))
    store.put_object(Bucket="logs", Key="one-other/log.csv", Body=b"not ours")
    made = s3()
    assert made.run().published == 1
    assert made.attendances() == 2
    fetched: list[str] = []
    read = FileSystemSource._read
    monkeypatch.setattr(FileSystemSource, "_read", lambda self, path: fetched.append(path) or read(self, path))
    assert made.run().published is None
    assert fetched == []
    store.put_object(Bucket="logs", Key="one/2020-09-05/log.csv", Body=log_of(*PEOPLE))
    assert made.run().published == 2
    assert made.attendances() == 3
    assert fetched == ["logs/one/2020-09-05/log.csv"]


def test_an_object_of_several_parts_has_no_md5_and_lands_all_the_same(s3, store):
    body = log_of(*PEOPLE) + b"\n" * (5 * 1024**2)
    upload = store.create_multipart_upload(Bucket="logs", Key="one/big.csv")["UploadId"]
    parts = []
    for number, part in enumerate((body[: 5 * 1024**2], body[5 * 1024**2 :]), start=1):
        said = store.upload_part(Bucket="logs", Key="one/big.csv", UploadId=upload, PartNumber=number, Body=part)
        parts.append({"PartNumber": number, "ETag": said["ETag"]})
    store.complete_multipart_upload(Bucket="logs", Key="one/big.csv", UploadId=upload, MultipartUpload={"Parts": parts})
    (row,) = s3().pull().landed
    assert row.sha256 == hashlib.sha256(body).hexdigest()


def test_an_object_that_changes_while_it_is_read_is_read_as_it_is_then(s3, store, monkeypatch):
    store.put_object(Bucket="logs", Key="one/log.csv", Body=log_of(*PEOPLE[:2]))
    listed = FileSystemSource._list
    changes = [log_of(*PEOPLE)]

    def list_and_change(self):
        found = listed(self)
        if changes:
            store.put_object(Bucket="logs", Key="one/log.csv", Body=changes.pop())
        return found

    monkeypatch.setattr(FileSystemSource, "_list", list_and_change)
    (row,) = s3().pull().landed
    assert row.size == len(log_of(*PEOPLE))


def test_an_object_that_vanishes_while_it_is_read_is_no_longer_offered(s3, store, monkeypatch):
    store.put_object(Bucket="logs", Key="one/a.csv", Body=log_of(*PEOPLE))
    store.put_object(Bucket="logs", Key="one/b.csv", Body=log_of(*PEOPLE[:1]))
    listed = FileSystemSource._list

    def list_and_delete(self):
        found = listed(self)
        store.delete_object(Bucket="logs", Key="one/b.csv")
        return found

    monkeypatch.setattr(FileSystemSource, "_list", list_and_delete)
    assert [row.file_name for row in s3().pull().landed] == ["a.csv"]


def test_an_object_beyond_the_limit_is_refused_before_it_is_read(s3, store):
    store.put_object(Bucket="logs", Key="one/log.csv", Body=log_of(*PEOPLE))
    with pytest.raises(PullError, match=r"log.csv is larger than 50 bytes"):
        s3(size_limit=50).pull()


def test_a_store_elsewhere_is_spoken_to_over_an_encrypted_connection_only(s3):
    with pytest.raises(PullError, match="access.endpoint is not encrypted; write https://"):
        s3(endpoint="http://s3.example.org").pull()


def test_a_bucket_that_is_not_there_says_what_to_correct(s3, store):
    with pytest.raises(PullError, match="BN-ONE: s3://nowhere/one: does not exist; correct `source`"):
        s3("s3://nowhere/one").pull()


def test_a_store_that_is_not_there_is_tried_again_and_named(s3):
    with pytest.raises(PullError, match="BN-ONE: s3://logs/one: cannot be listed .* .tried 3 times"):
        s3(endpoint=f"http://127.0.0.1:{free_port()}").pull()
