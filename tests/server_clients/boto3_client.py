"""boto3, the S3 SDK for Python, against ossfs2-server. Usage: boto3_client.py ENDPOINT BUCKET"""
import io
import os
import sys
import urllib.request

import boto3
import botocore.exceptions
from boto3.s3.transfer import TransferConfig
from botocore.config import Config

ENDPOINT, BUCKET = sys.argv[1:3]


def expect_error(status, call, **arguments):
    try:
        call(**arguments)
    except botocore.exceptions.ClientError as error:
        found = error.response["ResponseMetadata"]["HTTPStatusCode"]
        assert found == status, (status, error)
        return
    raise AssertionError("no error from %s" % call)


def read(s3, key, **more):
    return s3.get_object(Bucket=BUCKET, Key=key, **more)["Body"].read()


def objects(s3, folder):
    key = folder + "a b+c&<ü>'\"%.bin"
    data = os.urandom(300000)
    s3.put_object(Bucket=BUCKET, Key=key, Body=data, Metadata={"owner": "me"}, ContentType="application/x-test")
    got = s3.get_object(Bucket=BUCKET, Key=key)
    assert got["Body"].read() == data and got["Metadata"] == {"owner": "me"}
    assert got["ContentType"] == "application/x-test"
    assert read(s3, key, Range="bytes=100-199") == data[100:200]
    assert read(s3, key, Range="bytes=299990-400000") == data[299990:]
    expect_error(416, s3.get_object, Bucket=BUCKET, Key=key, Range="bytes=300000-")
    expect_error(412, s3.get_object, Bucket=BUCKET, Key=key, IfMatch='"0"')
    expect_error(404, s3.head_object, Bucket=BUCKET, Key=folder + "absent")
    if "IfNoneMatch" in s3.meta.service_model.operation_model("PutObject").input_shape.members:
        expect_error(412, s3.put_object, Bucket=BUCKET, Key=key, Body=b"", IfNoneMatch="*")  # not in Debian 12's
    s3.copy_object(Bucket=BUCKET, Key=folder + "copy", CopySource={"Bucket": BUCKET, "Key": key})
    assert read(s3, folder + "copy") == data
    url = s3.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": key}, ExpiresIn=60)
    with urllib.request.urlopen(url) as answer:
        assert answer.read() == data


def multipart(s3, folder):
    data = os.urandom(17 << 20)
    config = TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20)
    s3.upload_fileobj(io.BytesIO(data), BUCKET, folder + "mp", Config=config)
    into = io.BytesIO()
    s3.download_fileobj(BUCKET, folder + "mp", into, Config=config)
    assert into.getvalue() == data
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key=folder + "pc")["UploadId"]
    parts = []
    for number, (first, last) in enumerate([(0, (8 << 20) - 1), (8 << 20, len(data) - 1)], 1):
        made = s3.upload_part_copy(Bucket=BUCKET, Key=folder + "pc", UploadId=upload, PartNumber=number,
                                   CopySource={"Bucket": BUCKET, "Key": folder + "mp"},
                                   CopySourceRange="bytes=%d-%d" % (first, last))
        parts.append({"PartNumber": number, "ETag": made["CopyPartResult"]["ETag"]})
    assert len(s3.list_parts(Bucket=BUCKET, Key=folder + "pc", UploadId=upload)["Parts"]) == 2
    assert s3.list_multipart_uploads(Bucket=BUCKET, Prefix=folder)["Uploads"][0]["UploadId"] == upload
    s3.complete_multipart_upload(Bucket=BUCKET, Key=folder + "pc", UploadId=upload,
                                 MultipartUpload={"Parts": parts})
    assert read(s3, folder + "pc") == data
    expect_error(404, s3.abort_multipart_upload, Bucket=BUCKET, Key=folder + "pc", UploadId=upload)


def lists(s3, folder):
    for i in range(25):
        s3.put_object(Bucket=BUCKET, Key="%slist/%d/%d" % (folder, i % 3, i), Body=b"x")
    keys = [item["Key"] for page in s3.get_paginator("list_objects_v2").paginate(
        Bucket=BUCKET, Prefix=folder + "list/", PaginationConfig={"PageSize": 7}) for item in page["Contents"]]
    assert len(keys) == 25 and keys == sorted(keys)
    old = [item["Key"] for page in s3.get_paginator("list_objects").paginate(
        Bucket=BUCKET, Prefix=folder + "list/", PaginationConfig={"PageSize": 7}) for item in page["Contents"]]
    assert old == keys
    groups = [group["Prefix"] for page in s3.get_paginator("list_objects_v2").paginate(
        Bucket=BUCKET, Prefix=folder + "list/", Delimiter="/", PaginationConfig={"PageSize": 2})
        for group in page.get("CommonPrefixes", [])]
    assert groups == ["%slist/%d/" % (folder, i) for i in range(3)], groups
    gone = s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": key} for key in keys]})
    assert len(gone["Deleted"]) == 25 and not gone.get("Errors")
    assert s3.list_objects_v2(Bucket=BUCKET, Prefix=folder + "list/")["KeyCount"] == 0


def main():
    s3 = boto3.client("s3", endpoint_url=ENDPOINT, aws_access_key_id="test-id",
                      aws_secret_access_key="test-secret", region_name="cn-hangzhou",
                      config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}))
    folder = "boto3/"
    objects(s3, folder)
    multipart(s3, folder)
    lists(s3, folder)
    assert BUCKET in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    wrong = boto3.client("s3", endpoint_url=ENDPOINT, aws_access_key_id="test-id",
                         aws_secret_access_key="wrong", region_name="cn-hangzhou",
                         config=Config(s3={"addressing_style": "path"}))
    expect_error(403, wrong.list_objects_v2, Bucket=BUCKET)
    print("boto3: ok")


main()
