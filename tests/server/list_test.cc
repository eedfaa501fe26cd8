// Lists: against a model with random keys, and the shape of the answers.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <random>
#include <set>

#include "base/values/str.h"
#include "oss/signing/encoding.h"
#include "tests/server/test_client.h"
#include "tests/support/seed.h"

namespace ossfs2::server {
namespace {

// The entries that a whole list must have: keys, and common prefixes marked by a trailing '*'.
std::vector<std::string> Expected(const std::set<std::string>& keys, const std::string& prefix,
                                  const std::string& delimiter) {
  std::vector<std::string> out;
  for (const std::string& key : keys) {
    if (!key.starts_with(prefix)) continue;
    const size_t at = delimiter.empty() ? std::string::npos : key.find(delimiter, prefix.size());
    const std::string entry = at == std::string::npos ? key : key.substr(0, at + delimiter.size()) + "*";
    if (out.empty() || out.back() != entry) out.push_back(entry);
  }
  return out;
}

// Keys and prefixes of one page, merged in order.
std::vector<std::string> Entries(const std::string& xml) {
  std::vector<std::pair<std::string, std::string>> found;
  for (const auto& [open, close, mark] :
       {std::array<std::string, 3>{"<Contents><Key>", "</Key>", ""},
        std::array<std::string, 3>{"<CommonPrefixes><Prefix>", "</Prefix>", "*"}}) {
    for (size_t at = xml.find(open); at != std::string::npos; at = xml.find(open, at + 1)) {
      const size_t start = at + open.size();
      const std::string name = oss::PercentDecode(xml.substr(start, xml.find(close, start) - start));
      found.emplace_back(name, name + mark);
    }
  }
  std::sort(found.begin(), found.end());
  std::vector<std::string> out;
  for (auto& [name, entry] : found) out.push_back(entry);
  return out;
}

class ListTest : public ServerTest {
 protected:
  void SetUp() override { Start(); }
};

TEST_F(ListTest, AgreesWithAModelOnEveryPageSize) {
  std::mt19937_64 random(test::TestSeed());
  std::set<std::string> keys;
  static const std::string kAlphabet[] = {"a", "b", "/", "//", "\x7f", "é", " ", "&", "\x01", "-"};
  while (keys.size() < 120) {
    std::string key = "a";
    for (uint64_t i = random() % 6; i > 0; --i) key += kAlphabet[random() % 10];
    keys.insert(key);
  }
  for (const std::string& key : keys) ASSERT_EQ(Do("PUT", key, {}, "x").status, 200) << key;
  for (int round = 0; round < 12; ++round) {
    const std::string prefix = round % 3 == 0 ? "" : round % 3 == 1 ? "a" : "a/";
    const std::string delimiter = round % 4 == 0 ? "" : round % 4 == 3 ? "a" : "/";
    const std::string max_keys = StrCat(1 + random() % 9);
    const auto expected = Expected(keys, prefix, delimiter);
    for (const bool v2 : {true, false}) {
      std::vector<std::string> got;
      std::string next;
      do {
        NameValues query = {
            {"encoding-type", "url"}, {"prefix", prefix}, {"delimiter", delimiter}, {"max-keys", max_keys}};
        if (v2) query.emplace_back("list-type", "2");
        if (!next.empty()) query.emplace_back(v2 ? "continuation-token" : "marker", next);
        const Answer page = Do("GET", "", query);
        ASSERT_EQ(page.status, 200);
        const auto entries = Entries(page.body);
        ASSERT_EQ(page.Element("KeyCount"), v2 ? StrCat(entries.size()) : "");
        got.insert(got.end(), entries.begin(), entries.end());
        next = v2 ? page.Element("NextContinuationToken") : oss::PercentDecode(page.Element("NextMarker"));
        ASSERT_EQ(page.Element("IsTruncated"), next.empty() ? "false" : "true");
      } while (!next.empty());
      EXPECT_EQ(got, expected) << "prefix '" << prefix << "' delimiter '" << delimiter << "' v2 " << v2;
    }
  }
}

TEST_F(ListTest, ShapeOfEntries) {
  Do("PUT", "d/a&<b>", {}, "12345");
  Do("PUT", "d/", {}, "");
  Do("PUT", "d/l", {{"symlink", ""}}, "", {{"x-oss-symlink-target", "1234567"}});
  const Answer v2 = Do("GET", "", {{"list-type", "2"}, {"prefix", "d/"}, {"delimiter", "/"}});
  EXPECT_THAT(v2.body, testing::HasSubstr("<Key>d/a&amp;&lt;b&gt;</Key>"));
  EXPECT_THAT(v2.body, testing::HasSubstr("<Key>d/</Key>"));
  EXPECT_THAT(v2.body, testing::HasSubstr("<Type>Symlink</Type><Size>7</Size>"));
  EXPECT_THAT(v2.body, testing::ContainsRegex("<LastModified>[0-9T:-]+\\.000Z</LastModified>"));
  EXPECT_THAT(v2.body, testing::HasSubstr("<ETag>\""));
  EXPECT_EQ(v2.Element("MaxKeys"), "100");
  EXPECT_EQ(v2.Element("Owner"), "");
  EXPECT_NE(Do("GET", "", {{"list-type", "2"}, {"fetch-owner", "true"}}).Element("Owner"), "");
  EXPECT_NE(Do("GET", "", {}).Element("Owner"), "");
  const Answer after = Do("GET", "", {{"list-type", "2"}, {"start-after", "d/a&<b>"}});
  EXPECT_EQ(after.Element("KeyCount"), "1");
}

TEST_F(ListTest, BadArguments) {
  for (const auto& [name, value] : NameValues{{"max-keys", "0"},
                                              {"max-keys", "1001"},
                                              {"max-keys", "x"},
                                              {"prefix", std::string(1024, 'x')},
                                              {"continuation-token", "?"}}) {
    EXPECT_EQ(Do("GET", "", {{"list-type", "2"}, {name, value}}).Code(), "InvalidArgument")
        << name << "=" << value;
  }
}

TEST_F(ListTest, TinyPagesForTests) {
  for (const char* key : {"a", "b", "c"}) Do("PUT", key, {}, "x");
  EXPECT_EQ(Admin("POST", "/-/config?page_entries=2").status, 200);
  const Answer page = Do("GET", "", {{"list-type", "2"}, {"max-keys", "1000"}});
  EXPECT_EQ(page.Element("KeyCount"), "2");
  EXPECT_EQ(page.Element("IsTruncated"), "true");
}

}  // namespace
}  // namespace ossfs2::server
