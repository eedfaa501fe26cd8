#include "data/content/fetch_range.h"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <utility>

#include "base/threads/awaited.h"

namespace ossfs2 {
namespace {

class SpanSink final : public DataSink {
 public:
  explicit SpanSink(std::span<std::byte> out) : rest_(out) {}
  std::span<std::byte> NextBuffer() override { return rest_; }
  void OnBytes(size_t size) override { rest_ = rest_.subspan(size); }

 private:
  std::span<std::byte> rest_;
};

}  // namespace

Status FetchRange(ObjectStore& store, const ObjectVersion& version, uint64_t offset, std::span<std::byte> out) {
  if (out.empty()) return {};
  if (version.key.empty())
    return MakeError(ESTALE, ErrorKind::kNotFound,
                     "these bytes of an unlinked file were only in the bucket, and are gone with its name");
  const auto answer = std::make_shared<Awaited<Status>>();
  GetRequest request;
  request.key = version.key;
  request.offset = offset;
  request.size = out.size();
  request.etag = version.etag;
  const auto call = store.GetAsync(std::move(request), std::make_shared<SpanSink>(out),
                                   [answer](Status status) { answer->Set(std::move(status)); });
  return answer->Take();
}

}  // namespace ossfs2
