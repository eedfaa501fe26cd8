#include "oss/operations/read_back.h"

#include <future>
#include <memory>
#include <vector>

#include "base/values/crc64.h"
#include "oss/exchange/get_exchange.h"

namespace ossfs2::oss {
namespace {

// Takes the CRC of what comes, through a small buffer.
class CrcSink final : public DataSink {
 public:
  std::span<std::byte> NextBuffer() override { return buffer_; }
  void OnBytes(size_t size) override { crc_ = Crc64(crc_, buffer_.data(), size); }
  uint64_t crc() const { return crc_; }

 private:
  std::vector<std::byte> buffer_ = std::vector<std::byte>(256 << 10);
  uint64_t crc_ = 0;
};

}  // namespace

Result<uint64_t> CrcOfRange(OssContext& context, const ObjectInfo& version, uint64_t offset, uint64_t size) {
  auto sink = std::make_shared<CrcSink>();
  std::promise<Status> promise;
  const auto call = StartGet(context, {version.key, offset, size, version.etag}, sink,
                             [&](Status status) { promise.set_value(std::move(status)); });
  OSSFS2_RETURN_IF_ERROR(promise.get_future().get());
  return sink->crc();
}

}  // namespace ossfs2::oss
