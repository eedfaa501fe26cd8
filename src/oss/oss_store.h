// OssStore: ObjectStore over the OSS protocol.
//
// Signing V4 when a region is known (given or derived from the endpoint), else V1; virtual-host
// addressing, path style for IP endpoints or when asked. Every attempt is signed anew with the current
// credentials and the learned clock offset. Retries: exponential back-off with full jitter (100 ms..5 s),
// Retry-After, for the whole deadline. GETs check 206, Content-Range, length, ETag; short or broken bodies
// go on from the last byte with If-Match. Uploads compare CRC64. No answer without x-oss-request-id (or
// the S3/compatible markers) is believed. Metrics: requests by verb, retries, errors by OSS code (at most 64
// codes), latency histograms, bytes.
// Head of a symlink describes the link itself (size: bytes of its target), also when it dangles.
// Threads: see ObjectStore. The store must outlive its calls; its destructor cancels and waits.
#pragma once

#include <memory>

#include "base/time/clock.h"
#include "oss/credentials/credentials.h"
#include "oss/protocol/oss_config.h"
#include "ossfs2/object_store.h"

namespace ossfs2::http {
class HttpClient;
}

namespace ossfs2::oss {

// kInvalid names the option that is wrong. What is passed by reference must outlive the store.
Result<std::unique_ptr<ObjectStore>> MakeOssStore(http::HttpClient& http, CredentialProvider& credentials,
                                                  const OssConfig& config, Clock& clock = Clock::Real());

}  // namespace ossfs2::oss
