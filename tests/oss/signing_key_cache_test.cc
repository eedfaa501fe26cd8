// SigningKeyCache: the published signature, a key derived once a day, and never one of an old secret.
#include "oss/signing/signing_key_cache.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "base/values/str.h"

namespace ossfs2::oss {
namespace {

constexpr int64_t kBeforeMidnight = 1702771199;  // 2023-12-16 23:59:59 UTC

std::string Authorization(const KeySet& keys, std::string_view region, int64_t unix_s, SigningKeyCache* cache) {
  SignableRequest request{"GET", "bucket", "dir/key", {{"versionId", "7"}}, {{"x-oss-head", "value"}}};
  SignRequest(request, keys, SignatureVersion::kV4, region, unix_s, cache);
  for (const auto& [name, value] : request.headers)
    if (name == "authorization") return value;
  return "";
}

void ExpectRight(const KeySet& keys, std::string_view region, int64_t unix_s, SigningKeyCache& cache) {
  EXPECT_EQ(Authorization(keys, region, unix_s, &cache), Authorization(keys, region, unix_s, nullptr));
}

TEST(SigningKeyCache, GivesThePublishedSignature) {
  SigningKeyCache cache;
  for (int i = 0; i < 2; ++i) {  // derived, then found
    SignableRequest request{"PUT",
                            "bucket",
                            "1234+-/123/1.txt",
                            {{"param1", "value1"}, {"+param1", "value3"}, {"|param1", "value4"}, {"+param2", ""},
                             {"|param2", ""}, {"param2", ""}},
                            {{"x-oss-head1", "value"}, {"abc", "value"}, {"ZAbc", "value"}, {"XYZ", "value"},
                             {"content-type", "text/plain"}}};
    SignRequest(request, {"ak", "sk", ""}, SignatureVersion::kV4, "cn-hangzhou", 1702743657, &cache);
    EXPECT_EQ(request.headers.back().second,
              "OSS4-HMAC-SHA256 Credential=ak/20231216/cn-hangzhou/oss/aliyun_v4_request,Signature="
              "e21d18daa82167720f9b1047ae7e7f1ce7cb77a31e8203a7d5f4624fa0284afe");
  }
  EXPECT_EQ(cache.derived(), 1u);
}

TEST(SigningKeyCache, DerivesOnceForADay) {
  SigningKeyCache cache;
  for (int64_t second = 0; second < 100; ++second)
    ExpectRight({"id", "secret", ""}, "cn-hangzhou", kBeforeMidnight - second * 800, cache);
  EXPECT_EQ(cache.derived(), 1u);
}

TEST(SigningKeyCache, ANewSecretOfTheSameKeyIdIsUsedAtOnce) {
  SigningKeyCache cache;
  ExpectRight({"id", "secret", ""}, "cn-hangzhou", kBeforeMidnight, cache);
  ExpectRight({"id", "secres", ""}, "cn-hangzhou", kBeforeMidnight, cache);
  ExpectRight({"id2", "a secret that is longer than the one before", "token"}, "cn-hangzhou", kBeforeMidnight, cache);
  ExpectRight({"id", "secret", ""}, "cn-hangzhou", kBeforeMidnight, cache);
  EXPECT_EQ(cache.derived(), 4u) << "the first one had left";
}

TEST(SigningKeyCache, MidnightRegionAndProduct) {
  SigningKeyCache cache;
  const KeySet keys{"id", "secret", ""};
  for (int i = 0; i < 3; ++i) {  // requests of both days side by side
    ExpectRight(keys, "cn-hangzhou", kBeforeMidnight, cache);
    ExpectRight(keys, "cn-hangzhou", kBeforeMidnight + 1, cache);
  }
  EXPECT_EQ(cache.derived(), 2u);
  ExpectRight(keys, "cn-beijing", kBeforeMidnight + 1, cache);
  EXPECT_EQ(cache.derived(), 3u);
  const ScopeV4 scope{"20231217T000000Z", "cn-beijing", "oss-cloudbox"};
  EXPECT_EQ(cache.Key("secret", scope), SigningKeyV4("secret", scope));
  EXPECT_EQ(cache.derived(), 4u);
}

TEST(SigningKeyCache, ManyThreads) {
  SigningKeyCache cache;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread)
    threads.emplace_back([&cache, thread] {
      for (int i = 0; i < 200; ++i)
        ExpectRight({"id", StrCat("secret", (thread + i / 20) % 3), ""}, "cn-hangzhou", kBeforeMidnight + i % 2, cache);
    });
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace ossfs2::oss
