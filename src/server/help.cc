// The text of ossfs2-server --help.
#include "server/options.h"

namespace ossfs2::server {

std::string HelpText() {
  return R"(ossfs2-server: a local OSS server for trying out, tests and benchmarks.

  ossfs2-server --root DIR --bucket NAME --access-key-id ID --access-key-secret SECRET

  --root DIR                 keeps the buckets; made when missing
  --listen ADDRESS:PORT      default 127.0.0.1:0 (0: any free port); prints "listening on ADDRESS:PORT"
  --bucket NAME              made at the start when missing; may be repeated
  --access-key-id ID, --access-key-secret SECRET
                             or OSS_ACCESS_KEY_ID, OSS_ACCESS_KEY_SECRET in the environment
  --secret-file FILE         the secret, in a file of mode 0600
  --security-token TOKEN     requests must carry it (a temporary key; or OSS_SESSION_TOKEN)
  --region REGION            V4 signatures (OSS and S3) must name it; default: any
  --public                   unsigned requests may read and write everything
  --endpoint HOST            a host name of the service: HOST/bucket/key and bucket.HOST/key; may be repeated
  --cname HOST=BUCKET        a host name that belongs to one bucket; may be repeated
  --tls-cert FILE, --tls-key FILE
                             serve HTTPS (PEM)

For measurements:
  --latency TIME             before the first byte of every answer: 10ms, 2s, 150us
  --rate-per-connection SIZE bytes a second of bodies in each direction, e.g. 80M (1024-based)
  --discard                  uploads are counted and their CRC64 checked, but the bytes are not kept: HEAD, lists,
                             copies work, GET gives 404 NoSuchKey. Bodies over 1 MiB get no MD5 (their ETags end
                             in -1), and no SHA-256 is checked, so that S3 clients do not wait for them
  --synthetic KEY=SIZE[xCOUNT]
                             an object (in the first --bucket) with bytes made from the offset; with xCOUNT the objects
                             KEY-000000, KEY-000001 ... . The byte at offset o is that of the pattern at
                             (o + phase) mod 4222976; word i (8 bytes, little-endian) of the pattern is
                             (i + 1) * 0x9E3779B97F4A7C15; phase = 4096 * (FNV-1a-64(KEY) mod 1031). May be repeated.

For tests:
  --fault RULE               bends answers; may be repeated. RULE is name=value,...:
      op=get|put|...         operations as in /-/stats, separated by |; default all
      key=TEXT               only keys (or list prefixes) that contain it
      rate=0.1 seed=N        the share of matching requests, by seeded dice (1)
      after=N count=N        skip the first N that match; fire at most N times
      kind=status:CODE[:OssCode[:RETRY_AFTER_S]]   this error instead of the operation
           reset             connection reset, not done        lost-answer   done, then connection reset
           short             half of the body, then close      stall         get: half of the body, then silence;
           corrupt           one byte flipped on the way                     others: not done, silence
           html              200 with an HTML page, not done   no-range      get: 200 with the whole object
           skew[:SECONDS]    the server's clock is ahead       expired-token 403 SecurityTokenExpired
           wrong-crc, wrong-etag  that header is wrong         bad-xml       the XML ends in the middle
           partial-delete    every second key of a multi-delete is skipped
           delay:MS          done and answered later     late-answer:MS  done at once, answered later
  --page-entries-max N       lists give at most N entries a page
  --copies-change-etag       a copy gets another ETag than its source, as the service gives objects sent in parts
  --no-copy-crc              answers to copies tell no CRC64 (the service tells it sometimes)
  --versioned                as a bucket with versioning answers: x-oss-version-id, forbid-overwrite is ignored, and
                             appendable objects cannot be copied. Old versions are not kept
  --storage-class CLASS      of what is written without one (Standard): Standard, IA, Archive, ColdArchive,
                             DeepColdArchive
  --restore-seconds N        how long a restore of an archived object is "ongoing" (1)
  --requests-log FILE        one JSON object a line for each request, written before its answer

Control, unsigned, on the same port:
  GET /-/stats               counters as JSON         POST /-/reset        counters to zero
  POST /-/fault (body RULE)  adds a rule              DELETE /-/fault      removes all
  POST /-/config?latency=10ms&rate=80M&page_entries=2&key=ID:SECRET[:TOKEN]&expire_key=ID&remove_key=ID
      (the keys only with --listen on 127.0.0.1 or ::1)
)";
}

}  // namespace ossfs2::server
