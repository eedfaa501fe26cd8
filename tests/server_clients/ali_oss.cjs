// ali-oss, the official Node.js SDK, against ossfs2-server: V1, V4 and STS signatures.
// Usage: node ali_oss.cjs MODULES_FOLDER ENDPOINT BUCKET V1|V4|STS
const assert = require("assert");
const crypto = require("crypto");
const fs = require("fs");
const os = require("os");
const path = require("path");
const { Readable } = require("stream");
const [modules, endpoint, bucket, kind] = process.argv.slice(2);
const OSS = require(path.join(modules, "ali-oss"));

// With an IP the SDK sends the bucket in the Host header; with a name and sldEnable, in the path. It signs
// URLs for names only.
const options = {
  region: "oss-cn-hangzhou",
  endpoint,
  secure: false,
  bucket,
  accessKeyId: kind === "STS" ? "STS.test" : "test-id",
  accessKeySecret: kind === "STS" ? "sts-secret" : "test-secret",
  stsToken: kind === "STS" ? "sts-token" : undefined,
  authorizationV4: kind === "V4",
};
const client = new OSS(options);
const named = new OSS({ ...options, endpoint: endpoint.replace("127.0.0.1", "localhost"), sldEnable: true });

async function rejects(promise, status, code) {
  await assert.rejects(promise, (error) => {
    assert.strictEqual(error.status, status, String(error));
    if (code) assert.strictEqual(error.code, code, String(error));
    return true;
  });
}

async function objects(dir) {
  const name = dir + "a b+c&<ü>'\"%.bin";
  const data = crypto.randomBytes(300000);
  const put = await client.put(name, data, { meta: { owner: "me" }, mime: "application/x-test" });
  assert.strictEqual(put.res.headers["x-oss-hash-crc64ecma"].length > 0, true);
  const got = await client.get(name);
  assert.ok(got.content.equals(data));
  assert.strictEqual(got.res.headers["content-type"], "application/x-test");
  const part = await client.get(name, { headers: { Range: "bytes=100-199" } });
  assert.strictEqual(part.res.status, 206);
  assert.ok(part.content.equals(data.subarray(100, 200)));
  const head = await client.head(name);
  assert.strictEqual(head.meta.owner, "me");
  assert.strictEqual(head.res.headers["content-length"], "300000");
  const meta = await client.getObjectMeta(name);
  assert.strictEqual(meta.res.headers["content-length"], "300000");
  await rejects(client.get(dir + "absent"), 404, "NoSuchKey");
  await rejects(client.head(dir + "absent"), 404, "NoSuchKey");
  await rejects(client.get(name, { headers: { "If-Match": '"0"' } }), 412);
  await client.putStream(dir + "stream", Readable.from([data, data]));
  assert.strictEqual((await client.get(dir + "stream")).content.length, 600000);
  await client.copy(dir + "copy", name);
  assert.ok((await client.get(dir + "copy")).content.equals(data));
  assert.ok((await named.get(name)).content.equals(data));
  const url = kind === "V4" ? await named.signatureUrlV4("GET", 60, {}, name) : named.signatureUrl(name, { expires: 60 });
  const answer = await fetch(url);
  assert.strictEqual(answer.status, 200);
  assert.ok(Buffer.from(await answer.arrayBuffer()).equals(data));
  await rejects(client.put(dir + "copy", data, { headers: { "x-oss-forbid-overwrite": "true" } }), 409, "FileAlreadyExists");
}

async function lists(dir) {
  for (let i = 0; i < 25; i++) await client.put(`${dir}list/${i % 3}/${i}`, Buffer.from("x"));
  let count = 0;
  let marker;
  do {
    const page = await client.list({ prefix: dir + "list/", "max-keys": 7, ...(marker && { marker }) });
    count += page.objects.length;
    marker = page.nextMarker;
  } while (marker);
  assert.strictEqual(count, 25);
  const groups = await client.listV2({ prefix: dir + "list/", delimiter: "/" });
  assert.deepStrictEqual(groups.prefixes, [0, 1, 2].map((i) => `${dir}list/${i}/`));
  count = 0;
  let token;
  do {
    const page = await client.listV2({ prefix: dir + "list/", "max-keys": 10, ...(token && { "continuation-token": token }) });
    count += page.objects.length;
    token = page.nextContinuationToken;
  } while (token);
  assert.strictEqual(count, 25);
  const names = (await client.listV2({ prefix: dir + "list/", "max-keys": 1000 })).objects.map((o) => o.name);
  const deleted = await client.deleteMulti(names);
  assert.strictEqual(deleted.deleted.length, 25);
  await client.deleteMulti([dir + "copy"], { quiet: true });
  await client.delete(dir + "absent");
}

async function multipart(dir) {
  const data = crypto.randomBytes(1100000);
  const file = path.join(os.tmpdir(), `ali-oss-${process.pid}`);
  fs.writeFileSync(file, data);
  await client.multipartUpload(dir + "mp", file, { partSize: 200 * 1024, parallel: 3 });
  fs.unlinkSync(file);
  assert.ok((await client.get(dir + "mp")).content.equals(data));
  await client.multipartUploadCopy(dir + "mp-copy", { sourceKey: dir + "mp", sourceBucketName: bucket }, { partSize: 256 * 1024 });
  assert.ok((await client.get(dir + "mp-copy")).content.equals(data));
  const init = await client.initMultipartUpload(dir + "open");
  await client.uploadPart(dir + "open", init.uploadId, 3, await tempFile(data), 0, 150000);
  const parts = await client.listParts(dir + "open", init.uploadId);
  assert.strictEqual(parts.parts.PartNumber || parts.parts[0].PartNumber, "3");
  const uploads = await client.listUploads({ prefix: dir });
  assert.strictEqual(uploads.uploads[0].uploadId, init.uploadId);
  await client.abortMultipartUpload(dir + "open", init.uploadId);
  await rejects(client.abortMultipartUpload(dir + "open", init.uploadId), 404, "NoSuchUpload");
}

async function tempFile(data) {
  const file = path.join(os.tmpdir(), `ali-oss-part-${process.pid}`);
  fs.writeFileSync(file, data);
  process.on("exit", () => fs.rmSync(file, { force: true }));
  return file;
}

async function special(dir) {
  await client.put(dir + "target", Buffer.from("target bytes"));
  await client.putSymlink(dir + "link", dir + "target");
  assert.strictEqual((await client.getSymlink(dir + "link")).targetName, dir + "target");
  assert.strictEqual((await client.get(dir + "link")).content.toString(), "target bytes");
  await client.append(dir + "log", Buffer.from("one"));
  const next = await client.append(dir + "log", Buffer.from("two"), { position: 3 });
  assert.strictEqual(next.nextAppendPosition, "6");
  assert.strictEqual((await client.get(dir + "log")).content.toString(), "onetwo");
  await rejects(client.append(dir + "log", Buffer.from("x"), { position: 3 }), 409, "PositionNotEqualToLength");
  assert.strictEqual((await client.getBucketInfo(bucket)).bucket.Name, bucket);
  assert.ok((await client.listBuckets()).buckets.some((b) => b.name === bucket));
}

(async () => {
  const dir = `ali-oss-${kind}/`;
  await objects(dir);
  await lists(dir);
  await multipart(dir);
  await special(dir);
  console.log(`ali-oss ${kind}: ok`);
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
