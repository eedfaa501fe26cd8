// Archived objects, and the shard that is read next: with a store and an engine that tests can bend.
#include "tests/fs/mount_fixture.h"

namespace ossfs2::test {
namespace {

// Says that every object is archived, restored or not.
class ArchiveStore final : public ObjectStore {
 public:
  explicit ArchiveStore(ObjectStore& wrapped) : wrapped_(wrapped) {}
  std::string restore;
  bool direct_reads = false;  // the bucket's switch

  Result<ObjectInfo> Head(const std::string& key) override {
    auto info = wrapped_.Head(key);
    if (info) info->storage_class = "Archive", info->restore = restore;
    return info;
  }
  Result<ListPage> List(const ListRequest& request) override {
    auto page = wrapped_.List(request);
    if (page)
      for (ListEntry& entry : page->entries) entry.storage_class = "Archive";
    return page;
  }
  std::shared_ptr<StoreCall> GetAsync(GetRequest request, std::shared_ptr<DataSink> sink,
                                      std::function<void(Status)> done) override {
    if (!direct_reads && restore.find("\"false\"") == std::string::npos) {
      done(MakeError(EACCES, ErrorKind::kAccessDenied, "InvalidObjectState"));
      return nullptr;
    }
    return wrapped_.GetAsync(std::move(request), std::move(sink), std::move(done));
  }
  std::shared_ptr<StoreCall> PutAsync(std::string key, UploadBody body, WriteOptions options,
                                      std::function<void(Result<WriteResult>)> done) override {
    return wrapped_.PutAsync(std::move(key), std::move(body), std::move(options), std::move(done));
  }
  std::shared_ptr<StoreCall> UploadPartAsync(std::string key, std::string id, int number, UploadBody body,
                                             std::function<void(Result<PartResult>)> done) override {
    return wrapped_.UploadPartAsync(std::move(key), std::move(id), number, std::move(body), std::move(done));
  }
  Result<WriteResult> Copy(const CopyRequest& request) override { return wrapped_.Copy(request); }
  Status Delete(const std::string& key) override { return wrapped_.Delete(key); }
  Status DeleteMany(const std::vector<std::string>& keys) override { return wrapped_.DeleteMany(keys); }
  Result<WriteResult> PutSymlink(const std::string& key, const std::string& target,
                                 const WriteOptions& options) override {
    return wrapped_.PutSymlink(key, target, options);
  }
  Result<std::string> GetSymlink(const std::string& key) override { return wrapped_.GetSymlink(key); }
  Result<std::string> GetTags(const std::string& key) override { return wrapped_.GetTags(key); }
  Result<std::string> InitiateUpload(const std::string& key, const WriteOptions& options) override {
    return wrapped_.InitiateUpload(key, options);
  }
  Result<PartResult> CopyPart(const std::string& key, const std::string& id, int number,
                              const std::string& source, const std::string& etag, uint64_t offset,
                              uint64_t size) override {
    return wrapped_.CopyPart(key, id, number, source, etag, offset, size);
  }
  Result<WriteResult> CompleteUpload(const std::string& key, const std::string& id,
                                     const std::vector<PartResult>& parts, std::optional<uint64_t> crc64,
                                     bool forbid_overwrite) override {
    return wrapped_.CompleteUpload(key, id, parts, crc64, forbid_overwrite);
  }
  Status AbortUpload(const std::string& key, const std::string& id) override {
    return wrapped_.AbortUpload(key, id);
  }
  Result<std::vector<PartResult>> ListParts(const std::string& key, const std::string& id) override {
    return wrapped_.ListParts(key, id);
  }
  Result<std::vector<UploadInfo>> ListUploads(const std::string& prefix) override {
    return wrapped_.ListUploads(prefix);
  }
  Result<WriteResult> Append(const std::string& key, uint64_t position, const UploadBody& body,
                             const WriteOptions& options) override {
    return wrapped_.Append(key, position, body, options);
  }
  Status Probe(const std::string& prefix, std::chrono::milliseconds deadline) override {
    return wrapped_.Probe(prefix, deadline);
  }
  void EndCalls(std::chrono::milliseconds after, std::chrono::milliseconds grace) override {
    wrapped_.EndCalls(after, grace);
  }

 private:
  ObjectStore& wrapped_;
};

TEST(Archive, IsListedAndStatedButNotReadUntilRestored) {
  auto store = oss::MakeMemoryStore();
  store->PutContent("cold", "bytes");
  ArchiveStore archive(*store);
  TestMount mount(archive);
  EXPECT_EQ(*mount.List(""), std::vector<std::string>{"cold"});
  EXPECT_EQ(mount.Stat("cold")->size, 5u);
  EXPECT_EQ(mount.Get("cold").error().errno_value, EACCES);
  archive.restore = "ongoing-request=\"true\"";
  const auto refused = mount.Get("cold");
  EXPECT_EQ(refused.error().errno_value, EACCES);
  EXPECT_NE(refused.error().text.find("RestoreObject"), std::string::npos);
  archive.restore = "ongoing-request=\"false\", expiry-date=\"Sun, 16 Apr 2027 08:12:33 GMT\"";
  EXPECT_EQ(*mount.Get("cold"), "bytes");
}

TEST(Archive, IsReadWhereTheBucketAllowsDirectReads) {
  auto store = oss::MakeMemoryStore();
  store->PutContent("cold", "bytes");
  ArchiveStore archive(*store);
  archive.direct_reads = true;
  TestMount mount(archive);
  ASSERT_TRUE(mount.List(""));
  EXPECT_EQ(*mount.Get("cold"), "bytes");
  store->ResetCounts();
  EXPECT_EQ(mount.Close(*mount.OpenPath("cold", O_RDONLY)), 0);
  EXPECT_EQ(CountAll(*store), 0u);  // known of this version
}

// Only takes the resolver, and notes whose pages are held.
class ResolverCatcher final : public ReadEngine {
 public:
  std::function<std::optional<std::pair<uint64_t, ObjectVersion>>(uint64_t)> resolver;
  std::map<uint64_t, std::weak_ptr<const void>> holds;
  std::shared_ptr<ReadFile> Open(uint64_t, const ObjectVersion&) override { return nullptr; }
  std::unique_ptr<Replacement> BeginReplacement(uint64_t, const ObjectVersion&) override { return nullptr; }
  void Retire(uint64_t, const ObjectVersion&) override {}
  void EndRetired(uint64_t) override {}
  void Drop(uint64_t) override {}
  void SetNextFileResolver(
      std::function<std::optional<std::pair<uint64_t, ObjectVersion>>(uint64_t)> next) override {
    resolver = std::move(next);
  }
  void SetGoneListener(std::function<void(uint64_t, const ObjectVersion&)>) override {}
  void SetKernelPages(KernelPages*) override {}
  void StopFilling(uint64_t, StoresUnderWay) override {}
  std::shared_ptr<const void> HoldFilling(uint64_t file_id) override {
    const auto hold = std::make_shared<const int>(0);
    holds[file_id] = hold;
    return hold;
  }
  Explanation Explain(uint64_t) const override { return {}; }
  void Shutdown() override {}
};

TEST(NextShard, IsNamedWhenKnownAndHeldWhileItIsOpenForWriting) {
  auto store = oss::MakeMemoryStore();
  for (const char* key : {"m/model-00001-of-00003.safetensors", "m/model-00002-of-00003.safetensors"})
    store->PutContent(key, "weights");
  TempFolder staging;
  MemoryPool pool(64ull << 20);
  Executor executor("next-shard", 8);
  UploadOptions upload;
  upload.staging_dir = staging.path();
  ResolverCatcher reads;
  auto writes = MakeWriteEngine(*store, pool, upload);
  auto fs = MakeFileSystem(*store, reads, *writes, executor, FsOptions{});
  const Ino directory = fs->Lookup(kRootIno, "m")->attr.ino;
  const Ino first = fs->Lookup(directory, "model-00001-of-00003.safetensors")->attr.ino;
  EXPECT_FALSE(reads.resolver(first).has_value());  // the second is not known yet
  const Ino second = fs->Lookup(directory, "model-00002-of-00003.safetensors")->attr.ino;
  const auto next = reads.resolver(first);
  ASSERT_TRUE(next.has_value());
  EXPECT_EQ(next->first, second);
  EXPECT_EQ(next->second.key, "m/model-00002-of-00003.safetensors");
  EXPECT_EQ(next->second.size, 7u);
  EXPECT_FALSE(reads.resolver(second).has_value());
  EXPECT_FALSE(reads.resolver(99).has_value());
  // From the first open for writing to the last close its pages are left alone.
  const Result<Opened> reader = fs->Open(second, O_RDONLY);
  EXPECT_TRUE(reads.holds.empty());
  const Result<Opened> writer = fs->Open(second, O_RDWR);
  fs->Release(writer->handle);
  EXPECT_FALSE(reads.holds[second].expired());
  fs->Release(reader->handle);
  EXPECT_TRUE(reads.holds[second].expired());
  fs.reset();
  EXPECT_FALSE(reads.resolver);
  writes->Shutdown();
}

}  // namespace
}  // namespace ossfs2::test
