// Listing of MemoryBucket: prefixes, delimiters and pages as ListObjectsV2 makes them.
#include "base/values/str.h"
#include "oss/fakes/memory_bucket.h"
#include "oss/protocol/error_table.h"
#include "oss/signing/encoding.h"

namespace ossfs2::oss {
namespace {

// The first key after all that start with `prefix` (which ends in a delimiter, never in byte 255).
std::string AfterPrefix(std::string prefix) {
  prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
  return prefix;
}

// A continuation tells the last entry given: 'k' a key, 'p' a common prefix.
std::string MakeContinuation(const ListEntry& last) {
  return Base64Encode(StrCat(last.is_prefix ? "p" : "k", last.key));
}

// The least key that a page with this continuation may hold; nothing when the continuation is not ours.
std::optional<std::string> FirstKey(const ListRequest& request) {
  if (request.continuation.empty()) {
    return request.start_after.empty() ? request.prefix
                                       : std::max(request.prefix, request.start_after + '\0');
  }
  const auto decoded = Base64Decode(request.continuation);
  if (!decoded || decoded->size() < 2) return std::nullopt;
  const std::string last = decoded->substr(1);
  return decoded->front() == 'p' ? AfterPrefix(last) : last + '\0';
}

ListEntry EntryOf(const std::string& key, const MemoryObject& object) {
  ListEntry entry;
  entry.key = key;
  entry.size = object.type == ObjectType::kSymlink ? object.link_target.size() : object.content->size();
  entry.etag = object.etag;
  entry.mtime_s = object.mtime_s;
  entry.type = object.type;
  entry.storage_class = "Standard";
  return entry;
}

}  // namespace

Result<ListPage> MemoryBucket::List(const ListRequest& request) const {
  const std::optional<std::string> first = FirstKey(request);
  if (!first || request.max_keys < 1 || request.max_keys > 1000 || request.prefix.size() > kKeyBytesMax) {
    return MakeServiceError({400, "InvalidArgument", "", "MEMORY", "", ""},
                            {"list", request.prefix, "memory", "memory"});
  }
  ListPage page;
  auto at = objects_.lower_bound(*first);
  while (at != objects_.end() && at->first.starts_with(request.prefix)) {
    if (page.entries.size() == static_cast<size_t>(request.max_keys)) {
      page.continuation = MakeContinuation(page.entries.back());
      break;
    }
    const size_t cut = request.delimiter.empty() ? std::string::npos
                                                 : at->first.find(request.delimiter, request.prefix.size());
    if (cut == std::string::npos) {
      page.entries.push_back(EntryOf(at->first, at->second));
      ++at;
      continue;
    }
    ListEntry entry;
    entry.key = at->first.substr(0, cut + request.delimiter.size());
    entry.is_prefix = true;
    at = objects_.lower_bound(AfterPrefix(entry.key));
    page.entries.push_back(std::move(entry));
  }
  return page;
}

}  // namespace ossfs2::oss
