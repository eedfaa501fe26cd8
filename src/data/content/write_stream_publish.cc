// The end of a WriteStream: one PUT, or the last parts and the completion.
#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/values/crc64.h"
#include "data/content/write_stream.h"
#include "data/upload/put_object.h"
#include "data/upload/upload_zeros.h"

namespace ossfs2 {
namespace {
constexpr uint64_t kZeroPartBytes = 64ull << 20;  // needs no memory, so only retries limit it
}

Result<WriteStream::Outcome> WriteStream::Publish(const Publication& publication) {
  OSSFS2_RETURN_IF_ERROR(failure());
  OSSFS2_RETURN_IF_ERROR(spill_.BringBack());
  const uint64_t one_put_bytes = std::max(services_.part_bytes, head_ ? head_->capacity() : 0);
  if (whole_in_memory() && !tail_ && publication.size <= one_put_bytes) return PublishByPut(publication);
  return PublishByParts(publication);
}

Result<WriteStream::Outcome> WriteStream::PublishByPut(const Publication& publication) {
  UploadBody body;
  uint64_t crc = 0;
  if (head_) {
    body.spans = head_->Spans();
    if (services_.options.check_crc64) crc = head_->Crc();
  }
  if (const uint64_t zeros = publication.size - end(); zeros > 0) {
    AddZeroSpans(body.spans, zeros);
    crc = Crc64Combine(crc, ZeroCrc64(zeros), zeros);
  }
  if (services_.options.check_crc64) body.crc64 = crc;
  WriteOptions options = publication.options;
  options.forbid_overwrite = publication.forbid_overwrite;
  Result<WriteResult> result = PutObject(services_, owner_, key_, std::move(body), options);
  if (!result) return result.error();
  if (services_.options.check_crc64 && !result->crc64) result->crc64 = crc;
  return Outcome{std::move(*result), false, publication.options};
}

void WriteStream::PadTo(PartBuffer& buffer, uint64_t size) {
  // A part that is not the last must be long enough; its block has the room.
  if (buffer.end() < size && buffer.size() > 0 && buffer.size() < kPartBytesMin)
    buffer.AppendZeros(std::min(kPartBytesMin - buffer.size(), size - buffer.end()));
}

void WriteStream::SendZerosTo(uint64_t size) {
  while (end() < size) {
    const uint64_t missing = size - end();
    const auto numbers_left = static_cast<uint64_t>(std::max(kPartsMax - next_number_ - 1, 1));
    const uint64_t wanted = std::min(kPartBytesMax, std::max(kZeroPartBytes, missing / numbers_left + 1));
    const uint64_t piece = std::min(wanted, missing);
    sent_.AddZeros(next_number_, end(), piece);
    Upload().SendZeros(next_number_++, piece);
  }
}

Result<WriteStream::Outcome> WriteStream::PublishByParts(const Publication& publication) {
  if (head_ && head_->size() == 0) head_.reset();
  // Should it fail, the unfinished last part is taken back, to go on filling it.
  const std::shared_ptr<PartBuffer> last = tail_ ? tail_ : head_;
  const bool last_is_head = !tail_ && head_ != nullptr;
  const uint64_t last_bytes = last ? last->size() : 0;
  const int number_before = next_number_;
  if (next_number_ == 1) next_number_ = 2;  // nothing but zeros: the head's number stays unused
  if (last) PadTo(*last, publication.size);
  if (tail_) SendTail();
  if (head_) SendHead();
  SendZerosTo(publication.size);

  const std::vector<int> numbers = sent_.Numbers();
  const size_t summed = seed_crc_ ? sent_.CountBelow(seed_bytes_) : 0;  // by the checksum of the seed
  Status status = upload_->Wait();
  Result<WriteResult> result = MakeError(EIO, ErrorKind::kOther, "not completed");
  if (status) {
    const std::optional<uint64_t> crc =
        upload_->CombinedCrc(std::span(numbers).subspan(summed), seed_crc_.value_or(0));
    if (publication.before_complete) status = publication.before_complete(upload_->upload_id(), crc);
    if (status) result = upload_->Complete(numbers, crc, publication.forbid_overwrite);
  }
  if (status && result) {
    completed_ = true;
    return Outcome{std::move(*result), true, upload_->options()};
  }
  if (last) {
    last->Cut(last_bytes);
    if (last_is_head) sent_.Remove(1);
    (last_is_head ? head_ : tail_) = last;
  }
  sent_.RemoveFrom(number_before);
  next_number_ = number_before;
  if (!status) return status.error();
  return result.error();
}

}  // namespace ossfs2
