// PageStore: what it writes to the FUSE device, piece by piece, for both kinds of the kernel's page lists.
#include "fuse/notices/page_store.h"

#include <gtest/gtest.h>
#include <linux/fuse.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/support/temp_folder.h"

namespace ossfs2 {
namespace {

constexpr Ino kIno = 42;
constexpr uint64_t kPage = 4096;

struct Message {
  fuse_out_header header{};
  fuse_notify_store_out store{};
  std::string bytes;
};

// What comes out at the other end of the "device".
class PageStoreTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends_), 0); }
  void TearDown() override {
    for (const int end : ends_) close(end);
  }

  std::vector<Message> Store(PageLists lists, uint64_t offset, const std::vector<iovec>& parts,
                             uint64_t page_bytes = kPage) {
    std::vector<Message> messages;
    std::thread kernel([&] {
      std::string buffer(2 << 20, 0);
      for (ssize_t n; (n = recv(ends_[1], buffer.data(), buffer.size(), 0)) > 0;) {
        Message& message = messages.emplace_back();
        ASSERT_GE(n, static_cast<ssize_t>(sizeof message.header + sizeof message.store));
        std::memcpy(&message.header, buffer.data(), sizeof message.header);
        std::memcpy(&message.store, buffer.data() + sizeof message.header, sizeof message.store);
        message.bytes = buffer.substr(sizeof message.header + sizeof message.store,
                                      static_cast<size_t>(n) - sizeof message.header - sizeof message.store);
      }
    });
    EXPECT_TRUE(PageStore(lists, page_bytes).Store(ends_[0], kIno, offset, parts));
    shutdown(ends_[0], SHUT_WR);
    kernel.join();
    for (const Message& message : messages) {
      EXPECT_EQ(message.header.error, FUSE_NOTIFY_STORE);
      EXPECT_EQ(message.header.unique, 0u);
      EXPECT_EQ(message.header.len, sizeof message.header + sizeof message.store + message.bytes.size());
      EXPECT_EQ(message.store.nodeid, kIno);
      EXPECT_EQ(message.store.size, message.bytes.size());
    }
    return messages;
  }

  int ends_[2] = {-1, -1};
};

// Cut into parts that end inside of pages.
std::vector<iovec> Cut(std::string& data, const std::vector<size_t>& sizes) {
  std::vector<iovec> parts;
  size_t at = 0;
  for (const size_t size : sizes) {
    parts.push_back({data.data() + at, size});
    at += size;
  }
  EXPECT_EQ(at, data.size());
  return parts;
}

std::string Bytes(size_t size) {
  std::string data(size, 0);
  for (size_t i = 0; i < size; ++i) data[i] = static_cast<char>(i * 7 + i / kPage);
  return data;
}

TEST_F(PageStoreTest, EachPieceIsStoredTwiceBeforeTheNext) {
  std::string data = Bytes(20 * kPage);
  const uint64_t offset = 3 * kPage;
  const std::vector<Message> messages =
      Store(PageLists::kTwo, offset, Cut(data, {5000, 30000, 1, data.size() - 35001}));
  ASSERT_EQ(messages.size(), 6u);
  std::string stored;
  for (size_t i = 0; i < messages.size(); i += 2) {
    EXPECT_EQ(messages[i].store.offset, offset + stored.size());
    EXPECT_EQ(messages[i + 1].store.offset, messages[i].store.offset);
    EXPECT_EQ(messages[i + 1].bytes, messages[i].bytes);
    EXPECT_LE(messages[i].bytes.size(), PageStore::kPieceBytes);
    EXPECT_EQ(messages[i].bytes.size() % kPage, 0u);
    stored += messages[i].bytes;
  }
  EXPECT_EQ(stored, data);
}

// In halves of a page nothing would be kept: the kernel wants a page in one store.
TEST_F(PageStoreTest, APageLargerThanAPieceIsStoredWhole) {
  constexpr uint64_t kLargePage = 64 << 10;
  std::string data = Bytes(3 * kLargePage);
  const std::vector<Message> messages =
      Store(PageLists::kTwo, kLargePage, Cut(data, {5000, 100000, data.size() - 105000}), kLargePage);
  ASSERT_EQ(messages.size(), 6u);
  for (size_t i = 0; i < messages.size(); ++i) {
    EXPECT_EQ(messages[i].store.offset, (1 + i / 2) * kLargePage);
    EXPECT_EQ(messages[i].bytes, data.substr(i / 2 * kLargePage, kLargePage));
  }
}

TEST_F(PageStoreTest, OnceAndInOneMessageWhereUseMovesNoPage) {
  std::string data = Bytes(20 * kPage);
  const std::vector<Message> messages =
      Store(PageLists::kGenerations, kPage, Cut(data, {kPage + 1, data.size() - kPage - 1}));
  ASSERT_EQ(messages.size(), 1u);
  EXPECT_EQ(messages[0].store.offset, kPage);
  EXPECT_EQ(messages[0].bytes, data);
}

TEST_F(PageStoreTest, WhatTheKernelRefusesIsNotStored) {
  std::string data = Bytes(20 * kPage);
  EXPECT_FALSE(PageStore(PageLists::kTwo).Store(-1, kIno, 0, Cut(data, {data.size()})));
  EXPECT_FALSE(PageStore(PageLists::kGenerations).Store(-1, kIno, 0, Cut(data, {data.size()})));
}

TEST(PageListsTest, TheLowestBitTellsGenerations) {
  const test::TempFolder folder;
  const std::pair<const char*, PageLists> cases[] = {{"0x0007\n", PageLists::kGenerations},
                                                     {"0x0001\n", PageLists::kGenerations},
                                                     {"0x0000\n", PageLists::kTwo},
                                                     {"0x0006\n", PageLists::kTwo},
                                                     {"", PageLists::kTwo}};
  for (const auto& [text, lists] : cases) {
    EXPECT_EQ(ReadPageLists(folder.Write("enabled", text).c_str()), lists) << text;
  }
  EXPECT_EQ(ReadPageLists((folder.path() + "/missing").c_str()), PageLists::kTwo);
}

}  // namespace
}  // namespace ossfs2
