// ResponseHeaders: kept in order, found without regard to case, and copied with their texts.
#include "http/message/response_headers.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace ossfs2::http {
namespace {

TEST(ResponseHeaders, KeepsOrderAndFindsTheFirstOfANameWithoutCase) {
  const ResponseHeaders headers{{"ETag", "\"1\""}, {"X-Oss-A", ""}, {"etag", "\"2\""}};
  ASSERT_EQ(headers.size(), 3u);
  EXPECT_EQ(headers[0].name, "ETag");
  EXPECT_EQ(headers[2].value, "\"2\"");
  EXPECT_EQ(headers.Find("eTAG"), "\"1\"");
  EXPECT_EQ(headers.Find("x-oss-a"), "");
  EXPECT_EQ(headers.Find("x-oss-b"), std::nullopt);
  EXPECT_EQ(headers.Find("ETa"), std::nullopt) << "a name is no prefix";
  EXPECT_EQ(ResponseHeaders().Find(""), std::nullopt);
}

TEST(ResponseHeaders, CopiesAreTheirOwn) {
  ResponseHeaders first{{"a", "1"}};
  ResponseHeaders second = first;
  second.Add("b", "2");
  EXPECT_EQ(first.Find("b"), std::nullopt);
  EXPECT_EQ(second.Find("a"), "1");
}

TEST(ResponseHeaders, GivesBackWhatWasAddedWhateverItsLength) {
  std::vector<std::pair<std::string, std::string>> expected;
  ResponseHeaders headers;
  headers.Reserve(64);
  for (size_t i = 0; i < 200; ++i) {
    expected.emplace_back("n" + std::to_string(i), std::string(i * 37 % 3000, static_cast<char>('a' + i % 26)));
    headers.Add(expected.back().first, expected.back().second);
  }
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(headers[i].name, expected[i].first);
    EXPECT_EQ(headers[i].value, expected[i].second);
    EXPECT_EQ(headers.Find(expected[i].first), expected[i].second);
  }
}

}  // namespace
}  // namespace ossfs2::http
