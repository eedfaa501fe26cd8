// Percent, Base64, digests and dates: published values, round trips, and rubbish refused.
#include "oss/signing/encoding.h"

#include <gtest/gtest.h>

#include <string>

namespace ossfs2::oss {
namespace {

TEST(Encoding, PercentKeepsOnlyUnreservedBytes) {
  EXPECT_EQ(PercentEncode("aZ09-._~"), "aZ09-._~");
  EXPECT_EQ(PercentEncodePath("a b+c/d"), "a%20b%2Bc/d");
  EXPECT_EQ(PercentEncode("a/b"), "a%2Fb");
  EXPECT_EQ(PercentEncode("\xe4\xb8\xad\n*"), "%E4%B8%AD%0A%2A");
}

TEST(Encoding, PercentDecodeLeavesBadEscapesAndPlus) {
  EXPECT_EQ(PercentDecode("a%20b%2Bc%2fd+"), "a b+c/d+");
  EXPECT_EQ(PercentDecode("%zz%4"), "%zz%4");
  EXPECT_EQ(PercentDecode("%41"), "A");
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  EXPECT_EQ(PercentDecode(PercentEncode(all)), all);
}

TEST(Encoding, Base64RoundTripsAndRefusesRubbish) {
  EXPECT_EQ(Base64Encode(""), "");
  EXPECT_EQ(Base64Encode("f"), "Zg==");
  EXPECT_EQ(Base64Encode("fo"), "Zm8=");
  EXPECT_EQ(Base64Encode("foo"), "Zm9v");
  for (const std::string text : {"", "f", "fo", "foo", "foob"})
    EXPECT_EQ(Base64Decode(Base64Encode(text)), text);
  EXPECT_FALSE(Base64Decode("Zg="));
  EXPECT_FALSE(Base64Decode("Z*=="));
  EXPECT_FALSE(Base64Decode("=Zg="));
}

TEST(Encoding, DigestsOfKnownTexts) {
  EXPECT_EQ(Base64Encode(Md5("0123456789")), "eB5eJF1ptWaXm4bijSPyxw==");
  EXPECT_EQ(Base64Encode(Md5("")), "1B2M2Y8AsgTpgAmY7PhCfg==");
  EXPECT_EQ(HexEncodeUpper(Md5("")), "D41D8CD98F00B204E9800998ECF8427E");
  EXPECT_EQ(HexEncode(Sha256("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Encoding, HmacOfShortBlockLongAndLongerKeys) {
  const std::string text = "Test Using Larger Than Block-Size Key - Hash Key First";  // RFC 4231 and RFC 2202, case 6
  EXPECT_EQ(HexEncode(HmacSha256(std::string(131, '\xaa'), text)),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  EXPECT_EQ(HexEncode(HmacSha1(std::string(80, '\xaa'), text)), "aa4ae5e15272d00e95705637ce8a3b55ed402112");
  EXPECT_EQ(HexEncode(HmacSha256(std::string(64, 'k'), "")),
            "83026a325aaee70e36cfe607536aa1054104ad1077c36134810d4ccded1ccd3b");
  EXPECT_EQ(HexEncode(HmacSha256("", "")), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST(Encoding, DatesInAllThreeForms) {
  EXPECT_EQ(HttpDate(1672223261), "Wed, 28 Dec 2022 10:27:41 GMT");
  EXPECT_EQ(IsoBasicDate(1702743657), "20231216T162057Z");
  EXPECT_EQ(IsoDate(1702743657), "2023-12-16T16:20:57.000Z");
  EXPECT_EQ(ParseHttpDate("Wed, 28 Dec 2022 10:27:41 GMT"), 1672223261);
  EXPECT_EQ(ParseIsoBasicDate("20231216T162057Z"), 1702743657);
  EXPECT_EQ(ParseIsoDate("2023-12-16T16:20:57.000Z"), 1702743657);
  EXPECT_EQ(ParseIsoDate("2023-12-16T16:20:57Z"), 1702743657);
}

TEST(Encoding, BadDatesAreRefused) {
  EXPECT_FALSE(ParseHttpDate(""));
  EXPECT_FALSE(ParseHttpDate("Wed, 28 Dez 2022 10:27:41 GMT"));
  EXPECT_FALSE(ParseHttpDate("Wed, 28 Dec 2022 25:27:41 GMT"));
  EXPECT_FALSE(ParseHttpDate("Wed, 28 Dec 2022 10:27:41"));
  EXPECT_FALSE(ParseIsoBasicDate("20231216T162057"));
  EXPECT_FALSE(ParseIsoDate("2023-13-16T16:20:57Z"));
  EXPECT_FALSE(ParseIsoDate("2023-12-16"));
}

}  // namespace
}  // namespace ossfs2::oss
