// Extent: a run of bytes of a blob; the content of an object is a list of them.
//
// Copies and part copies share blobs, so they cost no data movement. Values; an ExtentFile belongs to one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "ossfs2/status.h"
#include "server/storage/blob.h"

namespace ossfs2::server {

struct Extent {
  std::shared_ptr<Blob> blob;
  uint64_t offset = 0;
  uint64_t size = 0;
  uint64_t crc64 = 0;
  bool crc_known = true;
};

// The extents of bytes [offset, offset + size) of `all`; those cut have crc_known false.
std::vector<Extent> SliceExtents(const std::vector<Extent>& all, uint64_t offset, uint64_t size);
// Fills in unknown CRCs, by reading; returns that of the whole. Fails for cut discarded data.
Result<uint64_t> CompleteCrcs(std::vector<Extent>& extents);

// An open file over an extent, for sending.
class ExtentFile {
 public:
  explicit ExtentFile(const Extent& extent);
  ~ExtentFile();
  ExtentFile(const ExtentFile&) = delete;
  ExtentFile& operator=(const ExtentFile&) = delete;
  int fd() const { return fd_; }  // -1: cannot be read
  // Where byte `at` of the extent lies in the file, and how many bytes follow there in one run.
  uint64_t FileOffset(uint64_t at) const;
  uint64_t RunBytes(uint64_t at) const;

 private:
  const Extent& extent_;
  int fd_ = -1;
  bool owned_ = false;
};

}  // namespace ossfs2::server
