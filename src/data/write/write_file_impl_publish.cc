// How a WriteFileImpl becomes an object: Publish and Sync.
#include <algorithm>
#include <chrono>
#include <utility>

#include "base/report/log.h"
#include "base/values/str.h"
#include "data/write/write_file_impl.h"
#include "data/write/write_file_impl_operation.h"

namespace ossfs2 {
namespace {

// A file up to here stays in memory after its PUT: the next small change is one PUT again.
constexpr uint64_t kKeepBytesMax = 1u << 20;

bool SameOptions(const WriteOptions& a, const WriteOptions& b) {
  return a.metadata == b.metadata && a.content_type == b.content_type;
}

void TakeTail(Published& published, std::vector<std::byte> tail) {
  if (tail.empty()) return;
  const uint64_t begin = published.version.size - tail.size();
  published.pages.push_back({begin, std::make_shared<std::vector<std::byte>>(std::move(tail))});
}

}  // namespace

Published WriteFileImpl::Adopt(const WriteResult& result, uint64_t size) {
  base_.size = size;
  base_.etag = result.etag;
  base_.crc64 = result.crc64;
  base_bytes_ = size;
  exists_ = true;
  changed_ = this->size() != size;
  return {base_, result.mtime_s, true};
}

void WriteFileImpl::FixOptions(Published& published, const WriteOptions& stored, const WriteOptions& wanted) {
  if (SameOptions(stored, wanted)) return;
  CopyRequest request;
  request.source_key = request.target_key = base_.key;
  request.source_etag = base_.etag;
  request.replace = wanted;
  request.replace->forbid_overwrite = false;
  Result<WriteResult> copied = services_.store.Copy(request);
  if (!copied) {
    LogLimited(LogLevel::kWarning,
               StrCat(base_.key, ": stored, but not yet with its attributes: ", copied.error().ToString()));
    published.options_stored = false;
    return;
  }
  base_.etag = copied->etag;
  published.version = base_;
  if (copied->mtime_s != 0) published.mtime_s = copied->mtime_s;
}

Result<Published> WriteFileImpl::Publish(const WriteOptions& options) {
  Operation operation(*this);
  return PublishTurn(options, UpTo::kSize);
}

Result<Published> WriteFileImpl::Sync(const WriteOptions& options) {
  Operation operation(*this);
  return PublishTurn(options, UpTo::kWritten);
}

uint64_t WriteFileImpl::WrittenEnd() const {
  if (staged_) return staged_->WrittenEnd();
  if (append_) return append_->end();
  return stream_ ? stream_->end() : base_bytes_;
}

Result<Published> WriteFileImpl::PublishTurn(const WriteOptions& options, UpTo up_to) {
  if (auto error = sticky_.Get()) return std::move(*error);
  if (detached() || !HasWork()) return Published{base_, 0, false};
  const uint64_t written_end = std::min(WrittenEnd(), size());
  const uint64_t size_wanted = up_to == UpTo::kWritten ? written_end : size();
  if (up_to == UpTo::kWritten && !provisional_) {
    // Only space was allocated since the last time: no byte that anybody wrote is missing.
    const bool only_space = staged_ ? !staged_->data_changed() : AtRest() && base_bytes_ == base_.size;
    if (only_space && (exists_ || size() > 0) && written_end < size()) return Published{base_, 0, false};
  }
  const auto start = std::chrono::steady_clock::now();
  Result<Published> published = Store(size_wanted, options);
  services_.metrics.publish_time.Observe(std::chrono::steady_clock::now() - start);
  if (!published) {
    NoteFailure(published.error());
    return published;
  }
  GivePages(*published);
  if (provisional_) {
    provisional_->Settle();
    provisional_.reset();
  }
  return published;
}

// To the last page, if that is not full, come the seams.
void WriteFileImpl::GivePages(Published& published) {
  std::vector<KeptPage> pages = seams_.Known(published.version.size);
  for (KeptPage& page : published.pages)
    if (pages.empty() || pages.back().offset < page.offset) pages.push_back(std::move(page));
  published.pages = std::move(pages);
}

Result<Published> WriteFileImpl::Store(uint64_t size, const WriteOptions& options) {
  if (append_) return StoreAppend(size, options);
  if (provisional_ && (staged_ ? exists_ && !staged_->dirty() : AtWholeBase() && size == base_.size)) {
    Published published{base_, 0, true};  // the provisional version is the finished file
    FixOptions(published, provisional_options_, options);
    return published;
  }
  if (AtRest() && base_bytes_ > 0 && base_bytes_ < base_.size) OSSFS2_RETURN_IF_ERROR(EnterStaged());
  if (staged_) return StoreStaged(size, options);
  if (stream_) return StoreStream(size, options);
  // New, emptied, or longer by allocated space.
  auto stream = NewStream(options);
  if (base_bytes_ >= kPartBytesMin)
    stream->SeedByCopy(base_);
  else if (base_bytes_ > 0)
    OSSFS2_RETURN_IF_ERROR(stream->SeedByDownload(base_));
  stream_ = std::move(stream);
  Result<Published> published = StoreStream(size, options);
  if (!published) stream_.reset();  // nobody's bytes were only there: the next try makes another
  return published;
}

Result<Published> WriteFileImpl::StoreStream(uint64_t size, const WriteOptions& options) {
  WriteStream::Publication publication;
  publication.size = size;
  publication.options = options;
  publication.forbid_overwrite = options.forbid_overwrite || MustBeNew();
  std::vector<std::byte> tail;
  if (size == stream_->end()) tail = stream_->Tail();
  Result<WriteStream::Outcome> outcome = stream_->Publish(publication);
  if (!outcome) return outcome.error();
  (outcome->multipart ? services_.metrics.published_multipart : services_.metrics.published_put).Add();
  Published published = Adopt(outcome->result, size);
  const bool keep = !outcome->multipart && stream_->end() == size && size <= kKeepBytesMax && size > 0;
  if (!keep) stream_.reset();
  FixOptions(published, outcome->stored_options, options);
  TakeTail(published, std::move(tail));
  return published;
}

Result<Published> WriteFileImpl::StoreStaged(uint64_t size, const WriteOptions& options) {
  WriteStaged::Publication publication;
  publication.size = size;
  publication.options = options;
  publication.forbid_overwrite = options.forbid_overwrite || MustBeNew();
  Result<WriteStaged::Outcome> outcome = staged_->Publish(publication);
  if (!outcome) return outcome.error();
  services_.metrics.published_staged.Add();
  Published published = Adopt(outcome->result, size);
  FixOptions(published, outcome->stored_options, options);
  if (size == staged_->size()) TakeTail(published, staged_->Tail());
  staged_->Rebase(base_);
  return published;
}

Result<Published> WriteFileImpl::StoreAppend(uint64_t size, const WriteOptions& options) {
  Result<ObjectVersion> version = append_->Publish(size);
  if (!version) return version.error();
  WriteResult result;
  result.etag = version->etag;
  result.crc64 = version->crc64;
  result.mtime_s = append_->mtime_s();
  Published published = Adopt(result, version->size);
  const WriteOptions* made_with = append_->MadeWith();
  published.options_stored = made_with != nullptr && SameOptions(*made_with, options);
  return published;
}

}  // namespace ossfs2
