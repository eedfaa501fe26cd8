// Faults, counters, pace, discarding and synthetic objects: what tests and benchmarks lean on.
#include <ctime>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/values/crc64.h"
#include "base/values/str.h"
#include "oss/signing/encoding.h"
#include "server/storage/synthetic.h"
#include "tests/server/test_client.h"

namespace ossfs2::server {
namespace {

class FaultsTest : public ServerTest {
 protected:
  void SetUp() override {
    options_.requests_log = folder_.path() + "/requests";
    Start();
    ASSERT_EQ(Do("PUT", "a", {}, body_).status, 200);
  }
  void Fault(const std::string& rule) {
    ASSERT_EQ(Admin("DELETE", "/-/fault").status, 200);
    const Answer added = Admin("POST", "/-/fault", rule);
    ASSERT_EQ(added.status, 200) << added.body;
  }
  const std::string body_ = std::string(100'000, 'b');
};

TEST_F(FaultsTest, StatusesCountsAndKeys) {
  Fault("op=get|head,key=a,kind=status:429:QpsLimitExceeded:7,after=1,count=2");
  EXPECT_EQ(Do("GET", "a").status, 200);
  const Answer bent = Do("GET", "a");
  EXPECT_EQ(bent.status, 429);
  EXPECT_EQ(bent.Code(), "QpsLimitExceeded");
  EXPECT_EQ(bent.Header("Retry-After"), "7");
  EXPECT_EQ(Do("GET", "other").status, 404);
  EXPECT_EQ(Do("HEAD", "a").status, 429);
  EXPECT_EQ(Do("GET", "a").status, 200);
  EXPECT_EQ(Stat("faults"), 2u);
}

TEST_F(FaultsTest, RateIsSeeded) {
  const auto pattern = [&] {
    Fault("op=head,kind=status:500,rate=0.5,seed=7");
    std::string out;
    for (int i = 0; i < 40; ++i) out += Do("HEAD", "a").status == 500 ? 'x' : '.';
    return out;
  };
  const std::string first = pattern();
  EXPECT_EQ(first, pattern());
  EXPECT_NE(first.find('x'), std::string::npos);
  EXPECT_NE(first.find('.'), std::string::npos);
}

TEST_F(FaultsTest, BrokenAnswers) {
  Fault("op=get,kind=reset");
  EXPECT_EQ(Do("GET", "a").status, 0);
  Fault("op=get,kind=short");
  const Answer half = Do("GET", "a");
  EXPECT_EQ(half.status, 200);
  EXPECT_EQ(half.body.size(), body_.size() / 2);
  Fault("op=get,kind=corrupt");
  const Answer corrupt = Do("GET", "a");
  EXPECT_EQ(corrupt.body.size(), body_.size());
  EXPECT_NE(corrupt.body, body_);
  EXPECT_EQ(corrupt.Header("x-oss-hash-crc64ecma"), StrCat(Crc64(0, body_.data(), body_.size())));
  Fault("op=get,kind=no-range");
  EXPECT_EQ(Do("GET", "a", {}, "", {{"Range", "bytes=5-6"}}).status, 200);
  Fault("op=get,kind=html");
  const Answer html = Do("GET", "a");
  EXPECT_EQ(html.status, 200);
  EXPECT_EQ(html.Header("x-oss-request-id"), "");
  Fault("op=get,kind=wrong-crc");
  EXPECT_EQ(Do("GET", "a").Header("x-oss-hash-crc64ecma"), "1234567890123456789");
  Fault("op=get,kind=wrong-etag");
  EXPECT_THAT(Do("GET", "a").Header("ETag"), testing::HasSubstr("BAD"));
  Fault("op=list,kind=bad-xml");
  const Answer xml = Do("GET", "");
  EXPECT_TRUE(xml.whole);
  EXPECT_THAT(xml.body, testing::Not(testing::HasSubstr("</ListBucketResult>")));
}

TEST_F(FaultsTest, LostAnswersAreAppliedAndResetsAreNot) {
  Fault("op=put,kind=lost-answer");
  EXPECT_EQ(Do("PUT", "lost", {}, "x").status, 0);
  Fault("op=put,kind=reset");
  EXPECT_EQ(Do("PUT", "reset", {}, "x").status, 0);
  EXPECT_EQ(Do("GET", "lost").body, "x");
  EXPECT_EQ(Do("GET", "reset").status, 404);
}

TEST_F(FaultsTest, LateAnswersAreAppliedAtOnce) {
  Fault("op=put,kind=late-answer:60000");
  std::thread late([this] { Do("PUT", "late", {}, "x"); });
  while (Do("HEAD", "late").status != 200) std::this_thread::yield();
  Stop();  // ends the wait
  late.join();
}

TEST_F(FaultsTest, CopiesChangeTheirEtagOnlyWhenAsked) {
  const NameValues source = {{"x-oss-copy-source", "/bkt/a"}, {"x-oss-metadata-directive", "REPLACE"}};
  const std::string first = Do("HEAD", "a").Header("ETag");
  EXPECT_EQ(Do("PUT", "a", {}, "", source).Header("ETag"), first);
  Stop();
  options_.copies_change_etag = true;
  Start();
  EXPECT_EQ(Do("PUT", "a", {}, "", source).status, 200);
  const std::string second = Do("HEAD", "a").Header("ETag");
  EXPECT_NE(second, first);
  EXPECT_EQ(Do("PUT", "a", {}, "", source).status, 200);
  EXPECT_NE(Do("HEAD", "a").Header("ETag"), second);
  EXPECT_EQ(Do("GET", "a").body, body_);
}

TEST_F(FaultsTest, CopiesTellNoCrcWhenAsked) {
  const NameValues source = {{"x-oss-copy-source", "/bkt/a"}};
  const std::string crc = Do("HEAD", "a").Header("x-oss-hash-crc64ecma");
  EXPECT_EQ(Do("PUT", "b", {}, "", source).Header("x-oss-hash-crc64ecma"), crc);
  Stop();
  options_.no_copy_crc = true;
  Start();
  EXPECT_EQ(Do("PUT", "b", {}, "", source).Header("x-oss-hash-crc64ecma"), "");
  EXPECT_EQ(Do("HEAD", "b").Header("x-oss-hash-crc64ecma"), crc);
}

TEST_F(FaultsTest, AVersionedBucketIgnoresForbidOverwrite) {
  const NameValues forbid = {{"x-oss-forbid-overwrite", "true"}};
  EXPECT_EQ(Do("HEAD", "a").Header("x-oss-version-id"), "");
  EXPECT_EQ(Do("PUT", "a", {}, "x", forbid).Code(), "FileAlreadyExists");
  Stop();
  options_.versioned = true;
  Start();
  const Answer put = Do("PUT", "a", {}, "x", forbid);
  EXPECT_EQ(put.status, 200);
  EXPECT_EQ(put.Header("x-oss-version-id").size(), 32u);
  EXPECT_EQ(Do("HEAD", "a").Header("x-oss-version-id"), put.Header("x-oss-version-id"));
  EXPECT_NE(Do("PUT", "a", {}, "y").Header("x-oss-version-id"), put.Header("x-oss-version-id"));
  EXPECT_EQ(Do("DELETE", "a").Header("x-oss-delete-marker"), "true");
  EXPECT_EQ(Do("HEAD", "a").Header("x-oss-version-id"), "");
  Do("POST", "log", {{"append", ""}, {"position", "0"}}, "x");
  EXPECT_EQ(Do("PUT", "b", {}, "", {{"x-oss-copy-source", "/bkt/log"}}).Code(), "OperationNotSupported");
}

TEST_F(FaultsTest, CorruptUploadIsNoticedByItsCrc) {
  Fault("op=put,kind=corrupt");
  EXPECT_EQ(Do("PUT", "b", {}, "hello", {{"Content-MD5", oss::Base64Encode(oss::Md5("hello"))}}).Code(),
            "InvalidDigest");
  const Answer put = Do("PUT", "b", {}, "hello");
  EXPECT_EQ(put.status, 200);
  EXPECT_NE(put.Header("x-oss-hash-crc64ecma"), StrCat(Crc64(0, "hello", 5)));
}

TEST_F(FaultsTest, StallSendsHalfThenNothing) {
  Fault("op=get,kind=stall");
  RawConnection connection(port());
  connection.Send(Build("GET", "a", {}, "", {}));
  EXPECT_EQ(connection.ReadSome(body_.size() / 2).size(), body_.size() / 2);
  EXPECT_EQ(Do("HEAD", "a").status, 200);
}

TEST_F(FaultsTest, SkewTokensAndPartialDelete) {
  Fault("kind=skew:7200");
  const Answer skewed = Do("HEAD", "a");
  EXPECT_EQ(skewed.status, 403);
  const auto server_now = oss::ParseHttpDate(skewed.Header("Date"));
  ASSERT_TRUE(server_now);
  clock_shift_s_ = *server_now - std::time(nullptr);
  EXPECT_EQ(Do("HEAD", "a").status, 200);
  clock_shift_s_ = 0;
  Fault("kind=expired-token,count=1");
  EXPECT_EQ(Do("GET", "a").Code(), "SecurityTokenExpired");
  EXPECT_EQ(Do("GET", "a").status, 200);
  Fault("op=delete_many,kind=partial-delete");
  const std::string xml = "<Delete><Object><Key>x</Key></Object><Object><Key>a</Key></Object></Delete>";
  const Answer some =
      Do("POST", "", {{"delete", ""}}, xml, {{"Content-MD5", oss::Base64Encode(oss::Md5(xml))}});
  EXPECT_THAT(some.body, testing::Not(testing::HasSubstr("<Key>a</Key>")));
  EXPECT_EQ(Do("HEAD", "a").status, 200);
}

TEST_F(FaultsTest, CountersAndLog) {
  EXPECT_EQ(Admin("POST", "/-/reset").status, 200);
  Do("GET", "a", {}, "", {{"Range", "bytes=0-99"}});
  Do("PUT", "b", {}, "12345");
  Do("HEAD", "b", {{"objectMeta", ""}});
  Do("GET", "", {{"list-type", "2"}});
  const auto stats = nlohmann::json::parse(Admin("GET", "/-/stats").body);
  EXPECT_EQ(stats["requests"]["get"], 1);
  EXPECT_EQ(stats["requests"]["put"], 1);
  EXPECT_EQ(stats["requests"]["head"], 1);
  EXPECT_EQ(stats["requests"]["list"], 1);
  EXPECT_EQ(stats["requests_total"], 4);
  EXPECT_EQ(stats["get_bytes"], 100);
  EXPECT_EQ(stats["get_bytes_asked"], 100);
  EXPECT_EQ(stats["put_bytes"], 5);
  EXPECT_EQ(stats["get_in_flight_peak"], 1);
  std::ifstream log(options_.requests_log);
  std::vector<nlohmann::json> lines;
  for (std::string line; std::getline(log, line);) lines.push_back(nlohmann::json::parse(line));
  ASSERT_EQ(lines.size(), 5u);  // with the PUT of SetUp
  EXPECT_EQ(lines[1]["op"], "get");
  EXPECT_EQ(lines[1]["range"], "bytes=0-99");
  EXPECT_EQ(lines[1]["status"], 206);
  EXPECT_EQ(lines[2]["bytes_in"], 5);
}

TEST_F(FaultsTest, BadRulesAndConfigAreRefused) {
  for (const char* rule : {"", "op=get", "kind=none", "op=fly,kind=reset", "kind=reset,rate=2",
                           "kind=status:99", "kind=reset,x=1"}) {
    EXPECT_EQ(Admin("POST", "/-/fault", rule).status, 400) << rule;
  }
  for (const char* query : {"latency=x", "rate=x", "page_entries=0", "key=x", "expire_key=x", "what=1"}) {
    EXPECT_EQ(Admin("POST", StrCat("/-/config?", query)).status, 400) << query;
  }
  EXPECT_EQ(Admin("GET", "/-/nothing").status, 404);
}

TEST_F(FaultsTest, LatencyAndRateSlowThingsDown) {
  const auto taken = [&](const std::string& key) {
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(Do("GET", key).status, 200);
    return std::chrono::steady_clock::now() - begin;
  };
  Admin("POST", "/-/config?latency=30ms");
  EXPECT_GE(taken("a"), std::chrono::milliseconds(30));
  Admin("POST", "/-/config?latency=0&rate=1m");
  EXPECT_GE(taken("a"), std::chrono::milliseconds(50));  // 98 KiB at 1 MiB/s, less the burst
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(Do("PUT", "b", {}, body_).status, 200);
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(50));
}

TEST_F(FaultsTest, DiscardedUploadsHaveEverythingButBytes) {
  Stop();
  options_.discard = true;
  Start();
  EXPECT_EQ(Do("PUT", "d", {}, body_).Header("x-oss-hash-crc64ecma"),
            StrCat(Crc64(0, body_.data(), body_.size())));
  EXPECT_EQ(Do("HEAD", "d").Header("Content-Length"), "100000");
  EXPECT_EQ(Do("PUT", "e", {}, "", {{"x-oss-copy-source", "/bkt/d"}}).status, 200);
  EXPECT_EQ(Do("GET", "e").Code(), "NoSuchKey");
  EXPECT_EQ(Do("GET", "a").body, body_);
}

TEST_F(FaultsTest, SyntheticObjectsFollowTheDocumentedPattern) {
  Stop();
  options_.synthetic = {{"s/big", (5ull << 30) + 3, 1}, {"s/many", 10, 3}};
  Start();
  const uint64_t phase = PatternPhase("s/big");
  const auto byte = [&](uint64_t offset) {
    const uint64_t at = (offset + phase) % kPatternBytes;
    return static_cast<char>((at / 8 + 1) * 0x9E3779B97F4A7C15ull >> (at % 8 * 8));
  };
  for (const uint64_t start :
       std::initializer_list<uint64_t>{0, 12'345, kPatternBytes - phase - 10, (5ull << 30) - 10}) {
    const Answer part = Do("GET", "s/big", {}, "", {{"Range", StrCat("bytes=", start, "-", start + 12)}});
    ASSERT_EQ(part.body.size(), 13u);
    for (uint64_t i = 0; i < 13; ++i) EXPECT_EQ(part.body[i], byte(start + i)) << start + i;
  }
  const std::string many = Do("GET", "s/many-000002").body;
  EXPECT_EQ(many.size(), 10u);
  EXPECT_EQ(Do("HEAD", "s/many-000002").Header("x-oss-hash-crc64ecma"),
            StrCat(Crc64(0, many.data(), many.size())));
  EXPECT_EQ(Do("GET", "", {{"list-type", "2"}, {"prefix", "s/"}}).Element("KeyCount"), "4");
}

TEST(SyntheticTest, CrcOfLongRunsIsThatOfTheBytes) {
  std::string bytes;
  for (uint64_t i = 0; bytes.size() < 3 * kPatternBytes; ++i) {
    const uint64_t word = (i % (kPatternBytes / 8) + 1) * 0x9E3779B97F4A7C15ull;
    bytes.append(reinterpret_cast<const char*>(&word), 8);
  }
  for (const auto& [offset, size] : {std::pair<uint64_t, uint64_t>{0, 0},
                                     {5, 1},
                                     {kPatternBytes - 3, 7},
                                     {4096, 2 * kPatternBytes - 100},
                                     {17, kPatternBytes}}) {
    EXPECT_EQ(PatternCrc64(offset, size), Crc64(0, bytes.data() + offset, size));
  }
}

}  // namespace
}  // namespace ossfs2::server
