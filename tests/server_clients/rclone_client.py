"""rclone (S3) against ossfs2-server: sync, check with hashes, multipart, move, purge.
Usage: rclone_client.py ENDPOINT BUCKET"""
import os
import subprocess
import sys
import tempfile

ENDPOINT, BUCKET = sys.argv[1:3]
ENVIRONMENT = dict(os.environ, RCLONE_CONFIG="/dev/null", RCLONE_CONFIG_T_TYPE="s3", RCLONE_CONFIG_T_PROVIDER="Other",
                   RCLONE_CONFIG_T_ACCESS_KEY_ID="test-id", RCLONE_CONFIG_T_SECRET_ACCESS_KEY="test-secret",
                   RCLONE_CONFIG_T_ENDPOINT=ENDPOINT, RCLONE_CONFIG_T_REGION="cn-hangzhou",
                   RCLONE_CONFIG_T_FORCE_PATH_STYLE="true", RCLONE_RETRIES="1", RCLONE_LOW_LEVEL_RETRIES="1")
ENVIRONMENT.pop("AWS_CA_BUNDLE", None)  # rclone 1.60 cannot use it


def rclone(*arguments):
    done = subprocess.run(["rclone"] + list(arguments), env=ENVIRONMENT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, (arguments, done.stderr)
    return done.stdout


def main():
    remote = "t:%s/rclone" % BUCKET
    with tempfile.TemporaryDirectory() as folder:
        for i in range(30):
            os.makedirs("%s/in/d%d" % (folder, i % 4), exist_ok=True)
            with open("%s/in/d%d/file %d+ü" % (folder, i % 4, i), "wb") as file:
                file.write(os.urandom(i * 1000))
        with open(folder + "/in/large", "wb") as file:
            file.write(os.urandom(23 << 20))
        rclone("sync", folder + "/in", remote, "--s3-upload-cutoff", "8M", "--s3-chunk-size", "5M")
        rclone("check", folder + "/in", remote)
        rclone("check", "--download", folder + "/in", remote)
        rclone("copy", remote, folder + "/out", "--multi-thread-streams", "4", "--multi-thread-cutoff", "4M")
        assert subprocess.run(["diff", "-r", folder + "/in", folder + "/out"]).returncode == 0
        rclone("moveto", remote + "/large", remote + "/moved/large")
        assert rclone("lsf", remote + "/moved").split() == ["large"]
        assert len(rclone("lsf", "-R", "--files-only", remote).splitlines()) == 31
        rclone("purge", remote)
        assert rclone("lsf", "-R", remote) == ""
    print("rclone: ok")


main()
