// A crash at every request of a workload: after Recover, closed files are right, every other
// file is its old version or absent, and no upload or backup stays.
#include "tests/data/crash_store.h"
#include "tests/data/write_fixture.h"

namespace ossfs2 {
namespace {

namespace files = std::filesystem;

class WriteCrash : public WriteFixture {
 protected:
  // A workload writes one file "dir/file"; it says what it has been told is stored.
  struct Promise {
    std::vector<std::string> allowed;  // contents that the key may have after recovery; "absent" apart
    bool absent = true;
  };
  using Workload = std::function<void(WriteFile& file, Promise& promise)>;

  static void Publish(WriteFile& file, const std::string& model, Promise& promise) {
    promise.allowed.push_back(model);  // stored, though the answer may be lost
    if (file.Publish({})) promise = {{model}, false};
  }

  void CrashEverywhere(const std::optional<std::string>& old, const Workload& workload) {
    for (const bool effect : {false, true}) {
      bool crashed = true;
      for (int survive = 0; crashed && !HasFailure(); ++survive) {
        ASSERT_LT(survive, 2000);
        SCOPED_TRACE(testing::Message() << "after " << survive << " requests, effect " << effect);
        crashed = CrashOnce(old, workload, survive, effect);
      }
    }
  }

  bool CrashOnce(const std::optional<std::string>& old, const Workload& workload, int survive, bool effect) {
    store_ = oss::MakeMemoryStore();
    TempFolder folder;
    UploadOptions options = options_;
    options.journal_dir = folder.path() + "/journal";
    const std::string snapshot = folder.path() + "/snapshot";
    Promise promise;
    if (old) {
      store_->PutContent("dir/file", *old);
      promise = {{*old}, false};
    }
    CrashStore crash(*store_, survive, effect, options.journal_dir, snapshot);
    live_ = &crash;
    {
      auto engine = MakeWriteEngine(crash, *pool_, options);
      WriteTarget target;
      target.file_id = 1;
      target.base.key = "dir/file";
      if (old) {
        const Result<ObjectInfo> info = store_->Head("dir/file");
        target.base = {"dir/file", info->size, info->etag, info->crc64};
        target.exists = true;
      }
      auto file = engine->Open(target);
      workload(*file, promise);
      file.reset();
    }
    options.journal_dir = crash.crashed() ? snapshot : options.journal_dir;
    auto next = MakeWriteEngine(*store_, *pool_, options);
    const Status recovered = next->Recover();
    EXPECT_TRUE(recovered) << recovered.error().ToString();
    Check(promise);
    next.reset();
    size_t left = 0;
    if (files::exists(options.journal_dir))
      for (const auto& item : files::recursive_directory_iterator(options.journal_dir)) left += item.is_regular_file();
    EXPECT_EQ(left, 0u) << "records left in the journal";
    return crash.crashed();
  }

  void Check(const Promise& promise) {
    EXPECT_EQ(store_->OpenUploads(), 0u);
    for (const std::string& key : store_->Keys()) EXPECT_EQ(key, "dir/file");
    const std::optional<std::string> content = store_->Content("dir/file");
    if (!content) {
      EXPECT_TRUE(promise.absent) << "the file is gone";
      return;
    }
    bool found = false;
    for (const std::string& allowed : promise.allowed) found = found || allowed == *content;
    EXPECT_TRUE(found) << "unexpected content of " << content->size() << " bytes";
  }

  // An unlink while the file is open; afterwards the key is gone for good.
  void Unlink(WriteFile& file, Promise& promise) {
    NameLoss loss;
    loss.parking_folder = "dir/";
    loss.park = [this](const ObjectVersion& from, const std::string& to) -> Result<ObjectVersion> {
      return CopyTo(*live_, from, to);
    };
    loss.take = [&](const ObjectVersion&, bool) {
      promise.absent = true;  // gone, though the answer may be lost
      return live_->Delete("dir/file");
    };
    if (file.Detach(loss)) promise = {{}, true};
  }

  ObjectStore* live_ = nullptr;  // of the run that crashes
};

TEST_F(WriteCrash, SmallAndSequentialFiles) {
  const std::string data = Random(kMiB + 100, 1);
  CrashEverywhere(std::nullopt, [&](WriteFile& file, Promise& promise) {
    (void)WriteAt(file, 0, std::string_view(data).substr(0, 1000));
    Publish(file, data.substr(0, 1000), promise);
    (void)WriteAt(file, 1000, std::string_view(data).substr(1000));
    Publish(file, data, promise);
  });
}

TEST_F(WriteCrash, AppendToAnExistingFile) {
  const std::string old = Random(500'000, 2);
  const std::string more = Random(600'000, 3);
  CrashEverywhere(old, [&](WriteFile& file, Promise& promise) {
    (void)WriteAt(file, old.size(), more);
    Publish(file, old + more, promise);
  });
}

// Sent parts are patched and read, so the unfinished file is stored provisionally.
void PatchSentPart(WriteFile& file, const std::string& data) {
  for (size_t at = 0; at < data.size(); at += 128 * kKiB) {
    const Result<bool> taken =
        file.TryWrite(at, Bytes(std::string_view(data).substr(at, 128 * kKiB)), WritePlace::kOffset);
    if (!taken) return;
    if (!*taken && !file.Write(at, Bytes(std::string_view(data).substr(at, 128 * kKiB)), WritePlace::kOffset)) return;
  }
  (void)file.Write(400'000, Bytes("PATCH"), WritePlace::kOffset);
}

TEST_F(WriteCrash, ProvisionalOverAnOldVersion) {
  const std::string old = Random(300'000, 4);
  const std::string data = Random(kMiB + 200'000, 5);
  CrashEverywhere(old, [&](WriteFile& file, Promise& promise) {
    file.Discard();
    if (!file.Truncate(0)) return;
    PatchSentPart(file, data);
    std::string model = data;
    model.replace(400'000, 5, "PATCH");
    Publish(file, model, promise);
  });
}

TEST_F(WriteCrash, ProvisionalOfANewFile) {
  const std::string data = Random(kMiB + 200'000, 6);
  CrashEverywhere(std::nullopt, [&](WriteFile& file, Promise& promise) {
    PatchSentPart(file, data);
    std::string model = data;
    model.replace(400'000, 5, "PATCH");
    Publish(file, model, promise);
  });
}

TEST_F(WriteCrash, GivenUpAfterProvisional) {  // the last close comes without a publish
  const std::string old = Random(300'000, 7);
  const std::string data = Random(kMiB + 200'000, 8);
  CrashEverywhere(old, [&](WriteFile& file, Promise&) {
    if (!file.Truncate(0)) return;
    PatchSentPart(file, data);
  });
}

TEST_F(WriteCrash, StagedPatch) {
  const std::string old = Random(2 * kMiB, 9);
  CrashEverywhere(old, [&](WriteFile& file, Promise& promise) {
    if (!file.Write(kMiB, Bytes("PATCH"), WritePlace::kOffset)) return;
    std::string model = old;
    model.replace(kMiB, 5, "PATCH");
    Publish(file, model, promise);
  });
}

TEST_F(WriteCrash, UnlinkedWhileStreaming) {
  const std::string old = Random(300'000, 11);
  const std::string data = Random(kMiB + 200'000, 12);
  CrashEverywhere(old, [&](WriteFile& file, Promise& promise) {
    if (!file.Truncate(0)) return;
    for (size_t at = 0; at < data.size(); at += 128 * kKiB)
      if (!WriteAt(file, at, std::string_view(data).substr(at, 128 * kKiB))) return;
    Unlink(file, promise);
    (void)WriteAt(file, 5, "more");
    (void)file.Publish({});
  });
}

TEST_F(WriteCrash, UnlinkedStoredFile) {
  const std::string old = Random(2 * kMiB, 13);
  CrashEverywhere(old, [&](WriteFile& file, Promise& promise) {
    Unlink(file, promise);
    (void)WriteAt(file, 5, "more");
  });
}

TEST_F(WriteCrash, ConversionToAppendable) {
  options_.appendable = true;
  options_.appendable_autoswitch_bytes = 10 * kMiB;
  const std::string old = Random(2 * kMiB + 17, 10);
  CrashEverywhere(old, [&](WriteFile& file, Promise& promise) {
    if (!file.Write(old.size(), Bytes("more"), WritePlace::kOffset)) return;
    Publish(file, old + "more", promise);
  });
}

TEST_F(WriteCrash, DamagedRecordIsKeptAndDoesNotStopTheStart) {
  files::create_directories(options_.journal_dir + "/run-1-1");
  {
    FILE* file = fopen((options_.journal_dir + "/run-1-1/1.record").c_str(), "w");
    fputs("ossfs2-upload-journal 1\nkey a", file);
    fclose(file);
  }
  EXPECT_TRUE(Engine().Recover());
  EXPECT_TRUE(files::exists(options_.journal_dir + "/run-1-1/1.record"));
}

}  // namespace
}  // namespace ossfs2
